"""One thread for small matrices: a second thread makes them slower, and makes their last bits vary."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which the linear algebra libraries (BLAS) behind NumPy and SciPy use one thread.

    >>> import numpy as np
    >>> with one_blas_thread():
    ...     np.ones((2, 2)) @ np.ones(2)
    array([2., 2.])
    """
    return _blas_libraries().limit(limits=1)


@cache
def _blas_libraries() -> Any:
    # The search for the loaded libraries takes milliseconds, so it is made once; threadpoolctl is imported
    # with the first product, so that commands that compute nothing start without it.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
