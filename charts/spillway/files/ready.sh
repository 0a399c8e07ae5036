# Asks every controller of CONTROLLERS (HOST:PORT, with spaces) for /readyz; ends with 0 when all are ready.
for controller in $CONTROLLERS; do
  exec 3<>"/dev/tcp/${controller%:*}/${controller#*:}"
  printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$controller" >&3
  IFS= read -r -t 10 status <&3
  echo "$controller: $status"
  [[ $status == *" 200 "* ]]
  exec 3<&-
done
