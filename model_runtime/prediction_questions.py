"""The questions about parallel streams and the context; `Model` is made of these, of others and its own."""

import numpy as np

from model_runtime.moment import Moment
from model_runtime.prediction_records import ContextUse, Predictions
from model_runtime.questions import Questions


class PredictionQuestions(Questions):
    """Answers about every position's own prediction. All methods may be called from any thread."""

    def predictions(self, moment: Moment) -> Predictions:
        """The first choice after every token; all but the newest were known when the text was run.

        Raises:
            NotFinite: The model computed NaN or infinite logits after some token.
        """
        statistics = self._recording(moment).statistics
        self._require_numbers(moment)
        newest = self.distribution(moment, top=1)
        ids = np.append(statistics.best[1:], newest.ids[0])
        return Predictions(
            ids=ids,
            text=tuple(self.text(token) for token in ids.tolist()),
            probability=np.append(statistics.best_probability[1:], newest.raw[0]),
        )

    def context_use(self, moment: Moment) -> ContextUse:
        """How full the context is, and what a step answers once it is. The model does not run."""
        self._check(moment)
        limit, count = self.most_tokens, len(moment.ids)
        written = count - moment.prompt_length
        return ContextUse(limit, moment.prompt_length, written, limit - count, str(self._full()))
