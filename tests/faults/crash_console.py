"""The recipe (crash_recipes.py) of the console's point."""

import uuid

from console_page import ConsolePage
from crash_case import LIGHT
from harm import monotonic
from trial import until_answered


def page_changes(case):
    """The console dies when it passes a submission on. The page tries again, under the same id and
    with the session that it had. All tries count as one call of the history, so the check finds a
    job that was lost, and a second one."""
    page, once, begun = ConsolePage(case.stack), str(uuid.uuid4()), monotonic()
    page.sign_in()
    members = {"jobName": f"page-{once}", "jobQueue": case.queue, "jobDefinition": case.quick}
    members |= LIGHT

    def submit():
        return page.change("SubmitJob", once=once, **members)

    case.arm()
    case.keep_on(submit)
    made = until_answered(submit, 60)
    case.calls.submitted(members, begun, once, made)
    case.ids.append(made["jobId"])
    kept = case.stack.sql(f"SELECT id FROM job WHERE name = 'page-{once}'")
    assert kept == [[made["jobId"]]], f"one submission, answered with {made}, made {kept}"
    case.one_job()
