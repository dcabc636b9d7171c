// The settings page: what an administrator sees and does of an app.
export const routes = {}
