"""The mark of tests that run libraries which warn about their own dependencies."""

import pytest

ignored = pytest.mark.filterwarnings(
    "ignore", "error::pytest.PytestUnhandledThreadExceptionWarning"
)
"""Their warnings are ignored; what a thread of ours raises is not."""
