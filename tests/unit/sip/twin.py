"""The parsers once more, slow and readable: the rules of csrc/sip_*.h as grammar, to hold the C code against.

Each function takes and returns what its namesake in uacfast.sip.inspect does.
"""
import ipaddress
import re

TOKEN = rb"[A-Za-z0-9\-.!%*_+`'~]"
LWS = b" \t\r\n"
HEADERS_CAPACITY = 256

COMPACT = {
    b"i": "Call-ID", b"m": "Contact", b"e": "Content-Encoding", b"l": "Content-Length", b"c": "Content-Type",
    b"f": "From", b"s": "Subject", b"k": "Supported", b"t": "To", b"v": "Via", b"o": "Event", b"r": "Refer-To",
    b"b": "Referred-By", b"x": "Session-Expires", b"a": "Accept-Contact", b"u": "Allow-Events", b"j": "Reject-Contact",
    b"d": "Request-Disposition", b"y": "Identity",
}
KNOWN = [
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Route", "Record-Route",
    "Content-Length", "Content-Type", "Expires", "Require", "Proxy-Require", "Supported", "Unsupported",
    "Allow", "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "User-Agent",
    "Server", "Event", "Subject", "Refer-To", "Referred-By", "Session-Expires", "Min-SE", "Min-Expires",
    "Retry-After", "Reason", "RAck", "RSeq", "Path", "Service-Route", "Max-Breadth", "Content-Encoding",
    "Accept-Contact", "Reject-Contact", "Request-Disposition", "Allow-Events", "Identity",
    "P-Asserted-Identity", "P-Preferred-Identity", "Privacy", "Diversion",
]
LONG = {name.lower().encode(): name for name in KNOWN}
METHODS = {name.encode(): name for name in [
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY", "REFER",
    "MESSAGE", "PUBLISH"]}
ONCE_ONLY = ("From", "To", "Call-ID", "CSeq", "Max-Forwards")


def lower(text):
    """ASCII only, as bytes.lower() is."""
    return text.lower()


def header_id(name):
    return COMPACT.get(lower(name)) if len(name) == 1 else LONG.get(lower(name))


def number(text, limit):
    """Digits up to `limit`, or None."""
    return int(text) if re.fullmatch(rb"[0-9]+", text) and int(text) <= limit else None


# ---- message ----

def scan(data, accept_lf=False, limits=None):
    limits = limits or {"message": 65535, "header_part": 32768, "line": 8192, "headers": HEADERS_CAPACITY}
    if not data.strip(b"\r\n\0"):
        return None
    end_of_line = rb"(?:\r\n|\n)" if accept_lf else rb"(?:\r\n)"
    start = re.match(end_of_line + b"*", data).end()
    data = data[start:]
    head = data[:limits["header_part"]]
    flaws = {"limit"} if len(data) > limits["message"] else set()

    # A start line ends at the first CR or LF, which has to be a line end.
    first = re.match(rb"([^\r\n]*)" + end_of_line, head)
    if not first:
        raise ValueError("no start line")
    result = start_line(first[1], flaws)
    at = headers_start = first.end()
    if at > limits["line"]:
        flaws.add("limit")

    headers = []
    body_at = None
    while at < len(head):
        if empty := re.compile(end_of_line).match(head, at):
            body_at = empty.end()
            break
        if len(headers) == min(limits["headers"], HEADERS_CAPACITY):
            break
        # Up to the first line end that no folding follows, or to the end of the data.
        line_match = re.compile(rb".*?" + end_of_line + rb"(?![ \t])", re.DOTALL).match(head, at)
        line = line_match[0] if line_match else head[at:]
        headers.append(header_line(line, end_of_line, bool(line_match), flaws))
        if len(line) > limits["line"]:
            flaws.add("limit")
        at += len(line)

    if body_at is None:
        flaws.add("no_empty_line" if at == len(data) else "limit")
        body, length = b"", len(data)
    else:
        body = body_of(headers, data[body_at:], flaws)
        length = body_at + len(body)
    ids = [header["id"] for header in headers]
    if any(ids.count(name) > 1 for name in ONCE_ONLY):
        flaws.add("repeated")
    return {**result, "headers": headers, "flaws": flaws, "body": body, "start": start, "length": length,
            "headers_start": headers_start, "headers_end": at}


def start_line(line, flaws):
    if lower(line[:4]) == b"sip/" and len(line) > 4:
        status = re.fullmatch(rb"(?i:(sip/[0-9]+\.[0-9]+)) ([1-6][0-9][0-9])(?: (.*))?", line, re.DOTALL)
        if not status:
            raise ValueError("no status line")
        result = {"is_request": False, "method": None, "method_text": None, "request_uri": None, "version": status[1],
                  "status": int(status[2]), "reason": status[3] or b""}
    else:
        # The last word that is a SIP version ends the request line; words after it are in excess.
        request = re.fullmatch(rb"(" + TOKEN + rb"+)([ \t])(?:(.*)([ \t]))?(?i:(sip/[0-9]+\.[0-9]+))([ \t].*)?", line,
                               re.DOTALL)
        if not request:
            raise ValueError("no request line")
        method, before, uri, after, version, rest = request.groups()
        uri = uri or b""
        if not uri or re.search(rb"[\x00-\x20\x7f<>\"]", uri) or rest is not None or b"\t" in (before, after):
            flaws.add("request_uri")
        result = {"is_request": True, "method": METHODS.get(method), "method_text": method, "request_uri": uri,
                  "version": version, "status": 0, "reason": None}
    if lower(result["version"]) != b"sip/2.0":
        flaws.add("version")
    return result


def header_line(line, end_of_line, complete, flaws):
    text = re.sub(end_of_line + b"$", b"", line) if complete else line
    named = re.match(rb"(" + TOKEN + rb"+)[ \t]*:", text)
    name, value = (named[1], text[named.end():]) if named else (b"", text)
    unfolded = re.sub(end_of_line + rb"(?=[ \t])", b"", value)
    if not complete:
        # The data may end with the line end whose folding, if any, it cut off.
        unfolded = re.sub(end_of_line + b"$", b"", unfolded)
    if not named or b"\r" in unfolded or b"\n" in unfolded:
        flaws.add("header_line")
    return {"id": header_id(name), "name": name, "value": value.strip(LWS), "line": line}


def body_of(headers, rest, flaws):
    lengths = [number(header["value"], 2**32 - 1) for header in headers if header["id"] == "Content-Length"]
    if None in lengths or len(set(lengths)) > 1:
        flaws.add("content_length")
    if not lengths or lengths[0] is None:
        return rest
    if lengths[0] > len(rest):
        flaws.add("body_short")
    return rest[:lengths[0]]


# ---- URI ----

def ipv6(text):
    """The address of an IPv6 text form, or None."""
    if b"." in text:
        text = text.replace(b":::", b"::", 1)
        head, _, quad = text.rpartition(b":")
        parts = quad.split(b".")
        if len(parts) != 4 or any(not re.fullmatch(rb"[0-9]{1,3}", part) or int(part) > 255 for part in parts):
            return None
        one, two, three, four = map(int, parts)
        text = head + b":%x:%x" % (one << 8 | two, three << 8 | four)
    if not re.fullmatch(rb"[0-9A-Fa-f:]+", text):
        return None
    try:
        return ipaddress.IPv6Address(text.decode()).packed
    except ValueError:
        return None


def host_end(text):
    """Octets of the host that `text` begins with, or None."""
    if text.startswith(b"["):
        close = text[:64].find(b"]")
        return close + 1 if close > 0 and ipv6(text[1:close]) else None
    name = re.match(rb"[A-Za-z0-9_][A-Za-z0-9\-._]*", text)
    return name.end() if name else None


def parse_uri(text):
    scheme_match = re.match(rb"([A-Za-z][A-Za-z0-9+\-.]*):", text)
    if not scheme_match:
        raise ValueError("no scheme")
    rest = text[scheme_match.end():]
    if re.search(rb"[\x00-\x20\x7f<>\"]", rest) or re.search(rb"%(?![0-9A-Fa-f]{2})", rest):
        raise ValueError("not URI characters")
    scheme = lower(scheme_match[1]).decode()
    uri = {"scheme": "other", "user": None, "password": None, "host": None, "host_is_ipv6": False, "port": 0,
           "parameters": None, "headers": None}
    if scheme == "tel":
        tel = re.fullmatch(rb"(\+?[0-9A-Fa-f*#\-.()]+)(?:;([^?]*))?", rest, re.DOTALL)
        if not tel:
            raise ValueError("no telephone number")
        return {**uri, "scheme": "tel", "user": tel[1], "parameters": tel[2]}
    if scheme not in ("sip", "sips"):
        return uri
    uri["scheme"] = scheme
    userinfo, at_sign, hostport = rest.rpartition(b"@")
    if at_sign:
        user, colon, password = userinfo.partition(b":")
        if not user:
            raise ValueError("empty user")
        uri |= {"user": user, "password": password if colon else None}
    end = host_end(hostport)
    if end is None:
        raise ValueError("no host")
    tail = re.fullmatch(rb"(?::([0-9]+))?(?:;([^?]*))?(?:\?(.*))?", hostport[end:], re.DOTALL)
    if not tail or (tail[1] is not None and not number(tail[1], 65535)):
        raise ValueError("host part")
    return uri | {"host": hostport[:end], "host_is_ipv6": hostport[:1] == b"[", "port": int(tail[1] or 0),
                  "parameters": tail[2], "headers": tail[3]}


def parameter_find(parameters, name, exact=False):
    at = 0
    while at < len(parameters):
        if parameters[at] in LWS + b";":
            at += 1
            continue
        found = re.compile(rb"([^;=]*)(=?)", re.DOTALL).match(parameters, at)
        at = found.end()
        value = None
        if found[2]:
            # To the next ';' outside quotes; an open quote takes the rest.
            rest = parameters[at:].lstrip(LWS)
            taken = re.match(rb'(?:[^;"]|"(?:[^"\\]|\\.)*"|".*)*', rest, re.DOTALL)[0]
            value = taken.rstrip(LWS)
            at = len(parameters) - len(rest) + len(taken)
        key = found[1].rstrip(LWS)
        if (key if exact else lower(key)) == name:
            return True, value
    return False, None


# ---- header values ----

QUOTED = rb'"(?:[^"\\]|\\.)*"'


class Cursor:
    """What is left of a header value."""

    def __init__(self, text):
        self.text = text

    def take(self, pattern):
        found = re.match(pattern, self.text, re.DOTALL)
        if not found:
            raise ValueError(f"expected {pattern!r} at {self.text!r}")
        self.text = self.text[found.end():]
        return found

    def lws(self):
        self.text = self.text.lstrip(LWS)


def parameters_of(cursor):
    """[(name, value, as written)] of *(";" parameter); stops at a comma or the end."""
    found = []
    while cursor.text.startswith(b";"):
        cursor.take(b";")
        cursor.lws()
        name = cursor.take(TOKEN + b"*")[0]
        after_name = cursor.text
        cursor.lws()
        value, written = None, name
        if name and cursor.text.startswith(b"="):
            cursor.take(rb"=[ \t\r\n]*")
            raw = cursor.take(rb"(?:[^;,\"]|" + QUOTED + rb")*")[0]
            value = raw.rstrip(LWS)
            between = after_name[:len(after_name) - len(cursor.text) - len(raw)]
            written = (name + between + value).rstrip(LWS)
        if cursor.text and cursor.text[:1] not in (b";", b","):
            raise ValueError("parameter")
        found.append((name, value, written))
    return found


def first(parameters, name):
    """Value of the first parameter of that name that has one."""
    return next((value for key, value, _ in parameters if lower(key) == name and value is not None), None)


def each_value(text, parse_one):
    """Calls parse_one for each value of a comma list; empty elements behind a value are passed over."""
    values = []
    while True:
        cursor = Cursor(text)
        values.append(parse_one(cursor))
        if cursor.text and not cursor.text.startswith(b","):
            raise ValueError("value")
        text = cursor.text.lstrip(LWS + b",")
        if not text:
            return values


def parse_one_via(cursor):
    cursor.lws()
    whole = cursor.text
    protocol = cursor.take(rb"((?i:sip)[ \t\r\n]*/[ \t\r\n]*[0-9]+\.[0-9]+)[ \t\r\n]*/[ \t\r\n]*")[1]
    transport = cursor.take(rb"(" + TOKEN + rb"+)[ \t\r\n]+")[1]
    end = host_end(cursor.text)
    if end is None:
        raise ValueError("no host")
    host, sent_by, port = cursor.text[:end], cursor.text[:end], 0
    if port_match := re.match(rb"[ \t\r\n]*:[ \t\r\n]*([0-9]*)", cursor.text[end:]):
        port = number(port_match[1], 65535)
        if not port:
            raise ValueError("port")
        end += port_match.end()
        sent_by = cursor.text[:end]
    cursor.text = cursor.text[end:]
    cursor.lws()
    before = cursor.text
    found = parameters_of(cursor)
    rport, rport_parameter = 0, None
    for key, value, written in found:
        if lower(key) == b"rport" and rport_parameter is None:
            rport, rport_parameter = number(value or b"0", 65535), written
            if rport is None:
                raise ValueError("rport")
    return {"value": whole[:len(whole) - len(cursor.text)].rstrip(LWS), "protocol": protocol, "transport": transport,
            "host": host, "port": port, "sent_by": sent_by,
            "parameters": before[1:len(before) - len(cursor.text)].rstrip(LWS) if found else None,
            "branch": first(found, b"branch"), "received": first(found, b"received"), "maddr": first(found, b"maddr"),
            "rport_parameter": rport_parameter, "rport": rport}


def parse_one_address(cursor):
    cursor.lws()
    whole = cursor.text
    display = None
    lead = re.match(rb'(?:[^<,;"]|' + QUOTED + rb")*", whole, re.DOTALL)[0]
    brackets = whole[len(lead):len(lead) + 1] == b"<"
    if whole[len(lead):len(lead) + 1] == b'"':
        raise ValueError("open quote")
    if brackets:
        cursor.text = whole[len(lead):]
        display = lead.rstrip(LWS) or None
        uri = cursor.take(rb"<([^<>]*)>")[1].strip(LWS)
        if not uri:
            raise ValueError("empty URI")
    else:
        uri = cursor.take(rb"[^;,?\x00-\x20\x7f<>\"]*")[0]
        if uri != b"*" and not re.match(rb"[A-Za-z0-9+\-.]+:", uri):
            raise ValueError("no scheme")
    name_addr = whole[:len(whole) - len(cursor.text)]
    cursor.lws()
    before = cursor.text
    found = parameters_of(cursor)
    parameters = before[1:len(before) - len(cursor.text)].strip(LWS) if found else None
    return {"value": whole[:len(whole) - len(cursor.text)].rstrip(LWS), "display": display, "uri": uri,
            "name_addr": name_addr, "parameters": parameters, "tag": first(found, b"tag"), "brackets": brackets}


def parse_via(value):
    return each_value(value, parse_one_via)


def parse_address(value):
    return each_value(value, parse_one_address)


def parse_cseq(value):
    found = re.fullmatch(rb"[ \t\r\n]*([0-9]+)[ \t\r\n]+(" + TOKEN + rb"+)[ \t\r\n]*", value)
    if not found or int(found[1]) > 2**32 - 1:
        raise ValueError("CSeq")
    return int(found[1]), found[1], found[2]


def list_elements(value):
    # An open quote or bracket takes the rest.
    element = re.compile(rb'(?:[^,"<]|' + QUOTED + rb'|".*|<[^>]*>|<.*)*', re.DOTALL)
    elements, at = [], 0
    while at < len(value):
        found = element.match(value, at)
        if trimmed := found[0].strip(LWS):
            elements.append(trimmed)
        at = found.end() + 1
    return elements
