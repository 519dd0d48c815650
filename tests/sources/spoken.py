"""What Asterisk says in the course of a simple call, one header a line."""


def new_channel(
    uid, name="PJSIP/trunk-00000001", *, state=4, number="+447700900101", exten="442079460101", linked=None
):
    return f"""Event: Newchannel
Channel: {name}
ChannelState: {state}
CallerIDNum: {number}
CallerIDName: <unknown>
Exten: {exten}
Uniqueid: {uid}
Linkedid: {linked or uid}"""


def variable(uid, name, value):
    return f"""Event: VarSet
Uniqueid: {uid}
Linkedid: {uid}
Variable: {name}
Value: {value}"""


def dial_begin(uid, dest, name="PJSIP/101-00000002"):
    return f"""Event: DialBegin
Uniqueid: {uid}
DestChannel: {name}
DestUniqueid: {dest}
DialString: 101"""


def dial_end(uid, dest, status="ANSWER"):
    return f"""Event: DialEnd
Uniqueid: {uid}
DestUniqueid: {dest}
DialStatus: {status}"""


def new_state(uid, state=6):
    return f"""Event: Newstate
ChannelState: {state}
Uniqueid: {uid}"""


def enters(uid, bridge="b1", linked=None):
    return f"""Event: BridgeEnter
BridgeUniqueid: {bridge}
BridgeTechnology: simple_bridge
Uniqueid: {uid}
Linkedid: {linked or uid}"""


def leaves(uid, bridge="b1"):
    return f"""Event: BridgeLeave
BridgeUniqueid: {bridge}
Uniqueid: {uid}"""


def hangup(uid, cause=16):
    return f"""Event: Hangup
Uniqueid: {uid}
Cause: {cause}"""


def ringing(root="1.1", phone="1.2", **more):
    """A call from outside rings 101."""
    return [
        new_channel(root, **more),
        new_channel(phone, "PJSIP/101-00000002", state=0, number="101", exten="s", linked=root),
        dial_begin(root, phone),
        new_state(phone, 5),
    ]


def answered(root="1.1", phone="1.2"):
    """101 picks up."""
    return [new_state(phone), dial_end(root, phone), new_state(root), enters(phone, linked=root), enters(root)]


def over(root="1.1", phone="1.2"):
    """Both hang up after a talk."""
    return [leaves(root), leaves(phone), hangup(phone), hangup(root)]


def unanswered(root="1.1", phone="1.2"):
    """101 rings out."""
    return [dial_end(root, phone, "NOANSWER"), hangup(phone, 0), hangup(root, 19)]
