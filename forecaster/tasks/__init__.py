"""What a model forecasts: numbers with bands, or symbols with probabilities. One object a task owns all that differs.

Nothing outside this package asks which task a model has. It asks the task to do its part: `TASKS[manifest.task]` for a
model, `task_of(predictor)` for a predictor's name.
"""

from __future__ import annotations

from forecaster.config import TaskName
from forecaster.predictors import predictor_class
from forecaster.tasks.base import Series, Task
from forecaster.tasks.fitted import FittedModel
from forecaster.tasks.numbers import Numbers
from forecaster.tasks.symbols import SymbolForecast, Symbols

__all__ = ["NUMBERS", "SYMBOLS", "TASKS", "FittedModel", "Series", "SymbolForecast", "Task", "task_of"]

NUMBERS, SYMBOLS = Numbers(), Symbols()
TASKS: dict[TaskName, Task] = {task.name: task for task in (NUMBERS, SYMBOLS)}


def task_of(predictor: str) -> Task:
    """Return the task of the predictor with that name."""
    return TASKS[predictor_class(predictor).task]
