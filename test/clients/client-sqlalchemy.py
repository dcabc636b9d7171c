# SQLAlchemy: insert().on_conflict_do_update(), and Session.commit() of a changed object.
import os
import re

from sqlalchemy import BigInteger, Boolean, Column, Identity, Text, create_engine, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, declarative_base

from cases import run, values
from psycopg2.extras import Json

Base = declarative_base()


class Columns:
    id = Column(BigInteger, Identity(), primary_key=True)
    app_key = Column(Text, nullable=False)
    external_id = Column(Text)
    name = Column(Text)
    user_hash = Column(Text)
    is_verified = Column(Boolean, nullable=False, server_default='false')


class Full(Columns, Base):
    __tablename__ = 'contacts_full'


class Partial(Columns, Base):
    __tablename__ = 'contacts_partial'


MODELS = {model.__tablename__: model for model in (Full, Partial)}


class Client:
    def __init__(self):
        # an empty URL: the driver reads the environment; a pooler in statement
        # mode refuses transactions
        options = {'isolation_level': 'AUTOCOMMIT'} if os.environ.get('THROUGH_POOLER') == 'statement' else {}
        self.engine = create_engine('postgresql+psycopg2://', future=True, **options)

    def query(self, sql, parameters):
        named = {f'p{i}': Json(p) if isinstance(p, dict) else p for i, p in enumerate(parameters, 1)}
        with self.engine.begin() as connection:
            return connection.execute(text(re.sub(r'\$(\d)', r':p\1', sql)), named).all()

    def insert(self, c):
        with Session(self.engine) as session:
            contact = MODELS[c['table']](**values(c))
            session.add(contact)
            session.commit()
            return contact.name, contact.is_verified

    def _upsert(self, c, rows):
        model = MODELS[c['table']]
        statement = insert(model).values(rows)
        statement = statement.on_conflict_do_update(
            index_elements=['app_key', 'external_id'],
            index_where=model.is_verified if c['partial'] else None,
            set_={'name': statement.excluded.name, 'user_hash': statement.excluded.user_hash},
        ).returning(model.name, model.is_verified)
        with Session(self.engine) as session:
            rows = session.execute(statement).all()
            session.commit()
            return rows

    def upsert(self, c):
        rows = self._upsert(c, [values(c)])
        return rows[0] if rows else None

    def save(self, c):
        model = MODELS[c['table']]
        with Session(self.engine) as session:
            contact = session.scalars(
                select(model).filter_by(app_key=c['app_key'], external_id=c['external_id'])).one()
            contact.name = c['name']
            contact.user_hash = c['user_hash']
            session.commit()
            # commit() expires the object: this reads it back
            return contact.name, contact.is_verified

    def bulk(self, c):
        return self._upsert(c, c['rows'])


run(Client())
