"""Scene texts for the tests: the example of the reference page, and a frame to put lines into."""

EXAMPLE = """\
Scene: Chest pain at night reaches a doctor even when the nurse sleeps and the first provider is down
Start: 2026-03-03 23:10 Europe/Tallinn
People:
  Anna    patient       sms +15550001  id A-17  quiet 21:00-08:00
  Nia     nurse         sms +15550002  step 1
  Dr Lee  doctor        sms +15550003  step 2
  Mia     care manager  telegram @mia
---
23:10   provider A goes down
        Anna: my chest hurts and im sweating
        Anna hears: "Call 112"                        # quiet hours do not hold safety text
        risk of Anna is CRITICAL because "chest hurts"
        flag chest-pain for Anna opens
        Nia hears: "P1" "A-17" /Reply \\d{3} OK/ within 10s as code
        provider A repeats the last message           # the carrier sends the webhook again
        Nia hears nothing for 4m
+1m     Dr Lee hears: "P1" "A-17" within 10s as code2
+30s    Dr Lee: {code2} ok
        Dr Lee hears: "is yours"
        Nia hears: "taken by Dr Lee"
+20s    Nia: {code}
        Nia hears: "already with Dr Lee"
+15m    Dr Lee: {code2} done called, ambulance sent
        flag chest-pain for Anna closes
        Nia never hears: "Anna" "chest" "sweating"
        nothing else happens until 06:00
"""

HEAD = """\
Scene: a test
Start: 2026-03-03 10:00 UTC
People:
  Anna    patient       sms +15550001  id A-17
  Nia     nurse         sms +15550002  step 1
  Dr Lee  doctor        sms +15550003  step 2
  Mia     care manager  telegram @mia
---
"""


def scene(body: str) -> str:
    """A scene with these lines; the first of them is line 9."""
    return HEAD + body
