"""A whole SIP edge as a KSR script: registrar, authentication, NAT, flood ban, record-routing, forking callbacks.

It makes the calls of Kamailio's usual Python edge in their order, with its checks of results (kemi-python.md §2); what
it does with an input is the acceptance transcript of §2.1. Run by uacfast; importing it as a module of tests does
nothing.
"""
import KSR

STOP = -255
FLAG_ACCOUNT, FLAG_MISSED, FLAG_FAILED, FLAG_NAT = 1, 2, 3, 5
BRANCH_NAT, BRANCH_PING = 6, 7
SCANNERS = ("friendly", "scanner", "sipcli", "sipvicious", "VaxSIPUserAgent", "pplsip")


def mod_init():
    KSR.info("the edge is made\n")
    return Edge()


class Edge:
    def child_init(self, rank):
        KSR.info(f"the edge is in process {rank}\n")
        return 0

    def ksr_request_route(self, msg):
        steps = (self.first_checks, self.nat, self.cancel, self.within_dialog, self.copies, self.callers, self.routes,
                 self.accounting, self.outside, self.presence, self.registrar, self.address, self.location)
        for step in steps:
            if step(msg) == STOP:
                return 1
        self.relay(msg)
        return 1

    def first_checks(self, msg):
        if not KSR.is_myself(KSR.pv.get("$si")):
            if not KSR.pv.is_null("$sht(ipban=>$si)"):
                KSR.dbg(f"request from a banned source {KSR.pv.get('$rm')} from {KSR.pv.get('$fu')}\n")
                return STOP
            if KSR.pike.pike_check_req() < 0:
                KSR.err(f"ALERT: pike blocking {KSR.pv.get('$rm')} from {KSR.pv.get('$fu')} (IP:{KSR.pv.get('$si')}:"
                        f"{KSR.pv.get('$sp')})\n")
                KSR.pv.seti("$sht(ipban=>$si)", 1)
                return STOP
        if KSR.corex.has_user_agent() > 0:
            agent = KSR.pv.gete("$ua")
            if any(scanner in agent for scanner in SCANNERS):
                KSR.sl.sl_send_reply(200, "Processed")
                return STOP
        if KSR.maxfwd.process_maxfwd(10) < 0:
            KSR.sl.sl_send_reply(483, "Too Many Hops")
            return STOP
        if KSR.is_OPTIONS() and KSR.is_myself_ruri() and KSR.corex.has_ruri_user() < 0:
            KSR.sl.sl_send_reply(200, "Keepalive")
            return STOP
        if KSR.sanity.sanity_check(17895, 7) < 0:
            KSR.err(f"malformed SIP message from {KSR.pv.get('$si')}:{KSR.pv.get('$sp')}\n")
            return STOP
        return 1

    def nat(self, msg):
        KSR.force_rport()
        if KSR.nathelper.nat_uac_test(19) > 0:
            if KSR.is_REGISTER():
                KSR.nathelper.fix_nated_register()
            elif KSR.siputils.is_first_hop() > 0:
                KSR.nathelper.set_contact_alias()
            KSR.setflag(FLAG_NAT)
        return 1

    def cancel(self, msg):
        if not KSR.is_CANCEL():
            return 1
        if KSR.tm.t_check_trans() > 0:
            self.relay(msg)
        return STOP

    def within_dialog(self, msg):
        if KSR.siputils.has_totag() < 0:
            return 1
        if KSR.rr.loose_route() > 0:
            if not KSR.isdsturiset():
                KSR.nathelper.handle_ruri_alias()
            if KSR.is_BYE():
                KSR.setflag(FLAG_ACCOUNT)
                KSR.setflag(FLAG_FAILED)
            elif KSR.is_ACK():
                self.media(msg)
            elif KSR.is_NOTIFY():
                KSR.rr.record_route()
            self.relay(msg)
            return STOP
        if KSR.is_ACK():
            if KSR.tm.t_check_trans() > 0:
                self.relay(msg)
            return STOP
        KSR.sl.sl_send_reply(404, "Not here")
        return STOP

    def copies(self, msg):
        if KSR.tmx.t_precheck_trans() > 0:
            KSR.tm.t_check_trans()
            return STOP
        return STOP if KSR.tm.t_check_trans() == 0 else 1

    def callers(self, msg):
        if not KSR.is_REGISTER() and KSR.permissions.allow_source_address(1) > 0:
            return 1
        if KSR.is_REGISTER() or KSR.is_myself_furi():
            if KSR.auth_db.auth_check(KSR.pv.get("$fd"), "subscriber", 1) < 0:
                KSR.auth.auth_challenge(KSR.pv.get("$fd"), 0)
                return STOP
            if not KSR.is_method_in("RP"):
                KSR.auth.consume_credentials()
        if not KSR.is_myself_furi() and not KSR.is_myself_ruri():
            KSR.sl.sl_send_reply(403, "Not relaying")
            return STOP
        return 1

    def routes(self, msg):
        KSR.hdr.remove("Route")
        if KSR.is_method_in("IS"):
            KSR.rr.record_route()
        return 1

    def accounting(self, msg):
        if KSR.is_INVITE():
            KSR.setflag(FLAG_ACCOUNT)
        return 1

    def outside(self, msg):
        if KSR.is_myself_ruri():
            return 1
        KSR.hdr.append("P-Hint: outbound\r\n")
        self.relay(msg)
        return STOP

    def presence(self, msg):
        return 1

    def registrar(self, msg):
        if not KSR.is_REGISTER():
            return 1
        if KSR.isflagset(FLAG_NAT):
            KSR.setbflag(BRANCH_NAT)
            KSR.setbflag(BRANCH_PING)
        if KSR.registrar.save("location", 0) < 0:
            KSR.sl.sl_reply_error()
        return STOP

    def address(self, msg):
        if KSR.corex.has_ruri_user() < 0:
            KSR.sl.sl_send_reply(484, "Address Incomplete")
            return STOP
        return 1

    def location(self, msg):
        found = KSR.registrar.lookup("location")
        if found < 0:
            KSR.tm.t_newtran()
            if found in (-1, -3):
                KSR.sl.send_reply(404, "Not Found")
            elif found == -2:
                KSR.sl.send_reply(405, "Method Not Allowed")
            return STOP
        if KSR.is_INVITE():
            KSR.setflag(FLAG_MISSED)
        return 1

    def relay(self, msg):
        if KSR.is_method_in("IBSU") and KSR.tm.t_is_set("branch_route") < 0:
            KSR.tm.t_on_branch("ksr_branch_manage")
        if KSR.is_method_in("ISU") and KSR.tm.t_is_set("onreply_route") < 0:
            KSR.tm.t_on_reply("ksr_onreply_manage")
        if KSR.is_INVITE() and KSR.tm.t_is_set("failure_route") < 0:
            KSR.tm.t_on_failure("ksr_failure_manage")
        if KSR.tm.t_relay() < 0:
            KSR.sl.sl_reply_error()
        return STOP

    def media(self, msg):
        if KSR.siputils.is_request() > 0 and KSR.siputils.has_totag() > 0 and KSR.rr.check_route_param("nat=yes") > 0:
            KSR.setbflag(BRANCH_NAT)
        if not KSR.isflagset(FLAG_NAT) and not KSR.isbflagset(BRANCH_NAT):
            return 1
        KSR.rtpproxy.rtpproxy_manage("co")
        # has_totag() is never falsy: this is how the usual script asks, and so nat=yes is never added.
        if KSR.siputils.is_request() > 0 and not KSR.siputils.has_totag() and KSR.tmx.t_is_branch_route() > 0:
            KSR.rr.add_rr_param(";nat=yes")
        if KSR.siputils.is_reply() > 0 and KSR.isbflagset(BRANCH_NAT):
            KSR.nathelper.set_contact_alias()
        return 1

    def ksr_branch_manage(self, msg):
        KSR.dbg(f"new branch [{KSR.pv.get('$T_branch_idx')}] to {KSR.pv.get('$ru')}\n")
        self.media(msg)
        return 1

    def ksr_onreply_manage(self, msg):
        if 100 < KSR.pv.get("$rs") < 299:
            self.media(msg)
        return 1

    def ksr_failure_manage(self, msg):
        self.media(msg)
        if KSR.tm.t_is_canceled() > 0:
            return 1
        return 1

    def ksr_reply_route(self, msg):
        if KSR.sanity.sanity_check(17604, 6) < 0:
            KSR.err(f"malformed SIP response from {KSR.pv.get('$si')}:{KSR.pv.get('$sp')}\n")
            KSR.set_drop()
            return STOP
        return 1
