from hypothesis import given
from hypothesis import strategies as st

from data.record.codes import choose_code

ALL = [str(code) for code in range(100, 1000)]


@given(st.text(), st.text(), st.sets(st.sampled_from(ALL)))
def test_a_free_code_is_found_whenever_there_is_one(recipient: str, escalation_id: str, used: set[str]) -> None:
    code = choose_code(recipient, escalation_id, dict.fromkeys(used, 0))
    assert code in ALL
    assert code not in used or len(used) == 900


def test_the_choice_derives_from_its_cause() -> None:
    codes = {choose_code("clara", f"esc-{n}", {}) for n in range(200)}
    assert codes == {choose_code("clara", f"esc-{n}", {}) for n in range(200)}
    assert len(codes) > 150, "causes spread over the codes"
    assert choose_code("clara", "esc-1", {}) != choose_code("omar", "esc-1", {})


def test_the_last_free_code_is_found() -> None:
    for free in ("100", "555", "999"):
        assert choose_code("clara", "esc", {code: 0 for code in ALL if code != free}) == free


def test_when_none_is_free_the_oldest_goes() -> None:
    used = {code: n for n, code in enumerate(reversed(ALL))}
    assert choose_code("clara", "esc", used) == "999"
