"""Work on several processes: in order, flat in memory, and a death costs one answer."""

import os

from a2ibench.parallel import Crashed, in_order


def test_answers_come_in_the_order_of_the_arguments():
    assert list(in_order(pow, [(i, 2) for i in range(20)], workers=2)) == [i * i for i in range(20)]


def test_nothing_to_do_is_no_answer():
    assert list(in_order(pow, [])) == []


def test_processes_that_die_cost_their_own_answers():
    answers = list(in_order(os._exit, [(3,), (4,)], workers=2))
    assert all(isinstance(answer, Crashed) for answer in answers)
    assert len(answers) == 2


def test_an_error_reaches_the_caller():
    answers = in_order(divmod, [(1, 1), (1, 0)], workers=1)
    assert next(answers) == (1, 0)
    try:
        next(answers)
    except ZeroDivisionError:
        return
    raise AssertionError("it was swallowed")
