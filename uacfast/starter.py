"""The configuration that `uacfast init` writes."""

STARTER = r'''# uacfast: starter configuration. It works as it is:
#     uacfast check THIS_FILE
#     uacfast run THIS_FILE
# A line with one # shows a key with its default; take the # away to change it.

[server]
# workers = 1                     # processes, 1 to 64
# log_level = "info"              # error, warning, info, debug
# log_format = "text"             # text, json
# server_header = "uacfast"       # Server header of our own replies; "": none
# user_agent_header = "uacfast"
# alias = []                      # more names that are ours: ["sip.example.com", "203.0.113.5:5060"]
# batch_pause = 500               # microseconds: longest pause between two drains under load; 0: never pause
# drain_timeout = 60              # seconds that SIGTERM waits for running transactions
# max_transactions = 2000000      # above this many a new INVITE is answered 503

# One [[listen]] per socket.
[[listen]]
uri = "udp:127.0.0.1:5060"
# advertise = ""                  # host[:port] for Via and Record-Route when others reach us by another address

[tm]                              # transactions; milliseconds, Kamailio's names
# fr_timer = 30000                # wait for the first reply of a branch
# fr_inv_timer = 120000           # INVITE: wait for the final reply after a provisional one
# max_inv_lifetime = 180000
# max_noninv_lifetime = 32000
# wt_timer = 32000                # a finished transaction stays this long; Kamailio: 5000
# retr_timer1 = 500
# retr_timer2 = 4000
# enable_uac_fr = false
# auto_inv_100 = true
# auto_inv_100_reason = "trying -- your call is important to us"
# relay_100 = false
# noninv_timeout_408 = true       # false: silence when a non-INVITE times out (RFC 4320)
# faked_reply_prio = 2000
# disable_6xx_block = false
# failover_503 = true             # false: a 503 does not lead to the next address of the same host name
# stray_replies = "record_route"  # record_route, forward, drop

[rr]                              # record-routing
# append_fromtag = true
# enable_double_rr = true
# enable_full_lr = false

[uac]                             # hiding and restoring From and To
# rr_from_store_param = "vsf"
# rr_to_store_param = "vst"
# restore_mode = "auto"           # none, manual, auto
# restore_passwd = ""             # obscures what Record-Route carries; the same on all nodes
# restore_from_avp = ""
# restore_to_avp = ""
# restore_display = true          # bring display names back too
# restore_seal = ""               # a key that authenticates what Record-Route carries; "": not sealed

[limits]                          # what is refused; sizes are octets
# message = 65535
# header_part = 32768
# line = 8192
# headers = 256
# vias = 70
# routes = 30
# uri = 1024
# max_forwards = 70
# accept_bare_lf = false

[control]                         # RPC, metrics and the dashboard; whoever reaches them commands the proxy
# http = ""                       # "127.0.0.1:8088": POST /rpc, GET /metrics, GET / (the dashboard)
# unix = ""                       # "/run/uacfast/rpc.sock": JSON-RPC datagram socket
# fifo = ""                       # "/run/kamailio/kamailio_rpc.fifo": for kamctl
# binrpc = []                     # ["unixs:/run/kamailio/kamailio_ctl"]: for kamcmd
# mode = 0o600                    # permissions of the sockets and the FIFO
# actions = false                 # true: the dashboard can enable, disable and refresh registrations

# Routes decide about requests that begin something. The first one whose conditions all hold is taken; a request that
# no route takes is answered 404. In-dialog requests, ACK and CANCEL need no route.
[[route]]
name = "to-carrier"
method = ["INVITE"]
# source = []                     # networks that may call: ["192.0.2.0/24"]; []: everybody
# ruri_user = ""                  # regular expressions, e.g. '^\+?[0-9]+$'; also ruri_domain, from_user, from_domain,
                                  # to_user, to_domain, user_agent
replace_from = { display = "", uri = "sip:anonymous@anonymous.invalid" }   # display = "" removes the name; without
                                                                           # display the name stays as it is
record_route = true               # stay in the path, so that in-dialog requests are restored
relay = ["sip:127.0.0.1:5080"]    # next hops, tried in turn
# fork = false                    # true: all next hops at once
# ruri = ""                       # a new request-URI: "sip:$rU@carrier.example"
# fr_timer = 0                    # milliseconds; 0: the value of [tm]
# fr_inv_timer = 0

# Everything else that begins something could be refused:
# [[route]]
# name = "refuse"
# reply = { code = 403, reason = "Forbidden" }
'''
