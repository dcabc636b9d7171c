. "$(dirname -- "$0")/../../sign/idverify.sh"

while read -r kind what value; do
	case $kind in claims) value=${what#*=} ;; esac
	case $what:$value in
		number:*) text=$value ;;
		nothing:*) text= ;;
		*:broken) text=$(printf '\377') ;;
		# with a dot behind it, so that no line feed at the end is lost
		*) text=$(printf %s "$value" | base64 -d; echo .) && text=${text%.} ;;
	esac
	case $kind in
		hash) idverify_user_hash "$text" ;;
		token) idverify_sign_token "$text" "$what" ;;
		claims) idverify_sign_token "$text" 300 "${what%%=*}" ;;
	esac 2> /dev/null || echo refused
done
