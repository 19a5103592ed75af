"""The recipe (crash_recipes.py) of the console's point."""

import uuid

from console_page import ConsolePage
from crash_operations import asked


def page_changes(case):
    """A page asks for a change, of a job that does not exist, which the api answers as any other;
    afterwards the page goes on with the session that it had."""
    page = ConsolePage(case.stack)
    page.sign_in()

    def change():
        page.change("TerminateJob", jobId=str(uuid.uuid4()), reason="nobody's")
        return True

    case.one_job()
    case.arm()
    case.keep_on(change)
    asked(lambda: None, change)
