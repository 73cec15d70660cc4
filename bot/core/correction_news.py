"""News of a correction: whoever was told of a concern that may rest on the wrong value hears that there is another."""

from bot.core.draft import Draft
from bot.core.orders import tell_holders
from data.errors import NotFound
from data.model.escalation import Escalation, EscalationState
from risk.schema import Threshold, Trend, Word


def tell_of_correction(draft: Draft, codes: frozenset[str], *, by: str | None = None) -> bool:
    """Tell the holders of every open case that may rest on these vital signs; False when there is nobody to tell.

    `by`: the colleague who corrected; without one it was the patient.
    """
    told = False
    for case in draft.chart.escalations:
        if case.state is not EscalationState.CLOSED and _may_rest_on(draft, case, codes):
            told = tell_holders(draft, case, "corrected-by" if by else "corrected", by=by) or told
    return told


def _may_rest_on(draft: Draft, case: Escalation, codes: frozenset[str]) -> bool:
    """Whether the case's rule looks at one of these; a rule that sums up others, or is gone, may. Words do not."""
    flag = draft.chart.flag(case.flag_id)
    try:
        rule = draft.kit.rules.rule(flag.rule) if flag else None
    except NotFound:
        return True
    match rule:
        case Threshold(any=bounds):
            return any(bound.code in codes for bound in bounds)
        case Trend(code=code):
            return code in codes
        case Word():
            return False
    return True
