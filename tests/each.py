"""Tables of small cases: one test a table, as pytest and its workers take some 4 ms a test.

That is more than the cases themselves take, and there are thousands of them. What fails is told
with its case, and the other cases are looked at all the same.
"""

import functools
import inspect
from collections.abc import Callable, Iterable

Test = Callable[..., None]


def each(names: str, cases: Iterable[object]) -> Callable[[Test], Test]:
    """Call a test with each case, as ``pytest.mark.parametrize`` does, within one test.

    Fixtures are made once for all cases: not for tests that write files or patch modules.
    """
    words = [word.strip() for word in names.split(",")]
    table = [case if len(words) > 1 else (case,) for case in cases]
    assert table, "a table without cases tests nothing"

    def decorated(test: Test) -> Test:
        @functools.wraps(test)
        def whole(*arguments: object, **given: object) -> None:
            wrong: list[Exception] = []
            for case in table:
                assert isinstance(case, tuple | list)
                values = dict(zip(words, case, strict=True))
                try:
                    test(*arguments, **given, **values)
                except Exception as error:  # noqa: BLE001  told below, all of them
                    error.add_note(f"case: {values}")
                    wrong.append(error)
            if len(wrong) == 1:
                raise wrong[0]
            if wrong:
                raise ExceptionGroup(f"{len(wrong)} of {len(table)} cases", wrong)

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in words]
        whole.__dict__["__signature__"] = signature.replace(parameters=left)
        return whole

    return decorated
