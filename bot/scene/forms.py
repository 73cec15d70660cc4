"""The forms that a sentence of a scene can take, each with an example: for errors and for `phms replay --help`."""

FORMS = {
    "NAME: text": "Anna: my chest hurts",
    'NAME presses "label"': 'Anna presses "I am fine"',
    "NAME's SIGNAL: 97 96 _ every 5m from watch arriving 2h late sent twice": "Anna's oxygen: 97 96 _ 95-1x3 every 5m",
    'NAME hears: "text" /regex/ @text_key within 10s as word': 'Nia hears: "P1" /Reply \\d{3}/ within 10s as code',
    'NAME hears on sms: "text"': 'Anna hears on sms: "Call 112"',
    "NAME hears nothing for 4m": "Nia hears nothing for 4m",
    'NAME may hear: "text"': 'Anna may hear: "Good morning"',
    'NAME never hears: "text"': 'Nia never hears: "chest"',
    'risk of NAME is CRITICAL because "text"': 'risk of Anna is CRITICAL because "chest hurts"',
    "flag RULE for NAME opens": "flag chest-pain for Anna opens",
    "flag RULE for NAME does not open": "flag low-oxygen for Anna does not open",
    'flag RULE for NAME closes with outcome "text"': 'flag chest-pain for Anna closes with outcome "called"',
    "flag RULE for NAME is acknowledged by NAME": "flag chest-pain for Anna is acknowledged by Nia",
    "NAME's FIELD is VALUE": "Anna's quiet is 21:00-08:00",
    "provider A goes down": "provider A goes down",
    "provider A comes back": "provider A comes back",
    "provider A loses receipts": "provider A loses receipts",
    "provider A delivers late 2m": "provider A delivers late 2m",
    "provider A reports undelivered": "provider A reports undelivered",
    "provider A repeats the last message": "provider A repeats the last message",
    "server restarts": "server restarts",
    "NLU is down": "NLU is down",
    "NLU comes back": "NLU comes back",
    "clock jumps 1h": "clock jumps -1h",
    "nothing else happens until 06:00": "nothing else happens until next day 06:00",
    "for each:": "for each word in stop, quit",
    "with rule TEXT: expectation": "with rule low-oxygen below 95: flag low-oxygen for Anna opens",
}
TIMES = '"+1m", "23:10", "next day 08:00" or "in Europe/Berlin 08:00" may stand before any of them; "  # ..." after'


def help_text() -> str:
    """All forms, one a line, for the help of the command."""
    return "\n".join(["The sentences of a scene:", *(f"  {form}" for form in FORMS), f"  ({TIMES})"])
