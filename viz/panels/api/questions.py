"""The endpoints that ask the model one thing about a moment."""

from typing import Any, Final

from model_runtime import Decoding, Moment
from model_runtime.errors import OutOfRange
from viz.panels.api.asking import in_turn
from viz.panels.api.forms import array, cut, plain, require_size
from viz.panels.models import Models
from viz.panels.view import whole

Record = dict[str, Any]

# The arrays of a record, to know how large an answer will be before it is computed.
TOKEN_FIELDS: Final = 7
CHOICE_FIELDS: Final = 5
READING_FIELDS: Final = 6


class QuestionEndpoints:
    """Answers with records. Holds nothing of any text.

    Attributes:
        models: The models that may be asked.
    """

    def __init__(self, models: Models) -> None:
        self.models = models

    def tokens(self, moment: str, begin: int = 0, end: int | None = None) -> Record:
        """Lists a text's tokens, each with how well the tokens before it predicted it.

        Args:
            moment: The text, as an endpoint returned it.
            begin: The first position to list.
            end: The position after the last one to list; null for the end of the text.

        Returns:
            The fields of TokenTable along "token", and begin: ids, text, bytes, surprisal, rank, entropy, special.
        """
        there = Moment.from_text(moment)
        end = _bounded(there, begin, end)
        require_size(TOKEN_FIELDS * (end - begin), "Narrow begin and end.")
        with in_turn(self.models, there) as model:
            table = model.tokens(there)
        return {"begin": begin, **_object(cut(table, "token", begin, end))}

    def distribution(self, moment: str, position: int = -1, top: int = 20) -> Record:
        """Tells what the model predicts after a position, before and after each decoding filter.

        Args:
            moment: The text, as an endpoint returned it.
            position: The position that is read up to, counted from 0; -1 for the newest.
            top: How many tokens to list, the most probable first; the numbers are exact over the whole vocabulary.

        Returns:
            The fields of Distribution along "choice": ids, text, raw, final, logits; stages, chosen, choice and more.
        """
        there = Moment.from_text(moment)
        filters = sum(value != off for value, off in zip(_filters(there), _filters(None), strict=True))
        require_size((CHOICE_FIELDS + 2 * filters) * top, "Narrow top.")
        with in_turn(self.models, there) as model:
            found = model.distribution(there, position, top)
        return _object(found)

    def attention(self, moment: str, layer: int, head: int, begin: int = 0, end: int | None = None) -> Record:
        """Tells where one attention head looks, from each of some tokens to it and every token before it.

        Args:
            moment: The text, as an endpoint returned it.
            layer: The head's layer, counted from 0.
            head: The head, counted from 0.
            begin: The first position that looks.
            end: The position after the last one that looks; null for the end of the text.

        Returns:
            The fields of AttentionMap: weights and visible [query, key], sink [query], window and more.
        """
        there = Moment.from_text(moment)
        end = _bounded(there, begin, end)
        require_size(2 * (end - begin) * end, "Narrow begin and end.")
        with in_turn(self.models, there) as model:
            found = model.attention(there, layer, head, begin, end)
        return _object(found)

    def heads(self, moment: str) -> Record:
        """Tells what every attention head does on a text: measures, and labels from stated thresholds.

        Args:
            moment: The text, as an endpoint returned it.

        Returns:
            The fields of HeadTable [layer, head]: label, measures by name, decided_on, key_value_head, ablated.
        """
        there = Moment.from_text(moment)
        with in_turn(self.models, there) as model:
            table = model.heads(there)
        arrays = len(table.measures) + len(table.decided_on) + 3
        require_size(arrays * table.label.size, "Ask for single heads with attention instead.")
        return _object(table)

    def lens(self, moment: str, begin: int = 0, end: int | None = None, top: int = 1, middle: bool = False) -> Record:
        """Tells what each layer would predict at some positions if the model stopped there (the logit lens).

        Args:
            moment: The text, as an endpoint returned it.
            begin: The first position to read.
            end: The position after the last one to read; null for the end of the text.
            top: How many tokens to list for each layer and position, 1 to 10.
            middle: Whether to read between attention and MLP too.

        Returns:
            The fields of LensGrid [stream, token] and begin; the last stream is the model's output.
        """
        there = Moment.from_text(moment)
        end = _bounded(there, begin, end)
        cells = (self.models.of(there).card().layers + 1) * (end - begin) * (1 + middle)
        require_size((READING_FIELDS + 2 * max(0, top)) * cells, "Narrow begin and end, or top.")
        with in_turn(self.models, there) as model:
            grid = model.lens(there, middle)
        most = grid.top_ids.shape[2]
        if not 1 <= top <= most:
            raise OutOfRange(f"top is {top}; the lens lists 1 to {most} tokens.")
        part = cut(cut(grid, "token", begin, end), "choice", 0, top)
        listed = {*part.top_ids.flat, *(() if part.middle is None else part.middle.top_ids.flat)}
        return {
            "begin": begin,
            **_object(part),
            "vocabulary": {str(token): text for token, text in grid.vocabulary.items() if token in listed},
        }

    def contributions(
        self,
        moment: str,
        position: int = -1,
        target: int | None = None,
        against: int | None = None,
        centred: bool = False,
    ) -> Record:
        """Splits a token's logit into what the embedding, every attention, every MLP and every head added to it.

        Args:
            moment: The text, as an endpoint returned it.
            position: The position that is read up to, counted from 0; -1 for the newest.
            target: The id of the token whose logit is split; null for the model's first choice.
            against: The id of a token whose logit is taken off it; null for none.
            centred: Whether the mean logit of the vocabulary is taken off it; not together with `against`.

        Returns:
            The fields of Contributions: names and values [part], which sum to total; heads [layer, head] and more.
        """
        there = Moment.from_text(moment)
        with in_turn(self.models, there) as model:
            if against is None:
                return _object(model.contributions(there, position, target, centred))
            if target is None:
                target = int(model.distribution(there, position, top=1).ids[0])
            return _object(model.contributions(there, position, (target, against), centred))

    def hidden(self, moment: str, layer: int, position: int = -1) -> Record:
        """Reads one vector of the residual stream.

        Args:
            moment: The text, as an endpoint returned it.
            layer: The stream: 0 enters the first layer, k + 1 leaves layer k, the last stands before the final norm.
            position: The position, counted from 0; -1 for the newest.

        Returns:
            layer, position, and vector along "width".
        """
        there = Moment.from_text(moment)
        position = whole(len(there.ids) - 1 if position == -1 else position, 0, len(there.ids) - 1, "position")
        with in_turn(self.models, there) as model:
            vector = model.hidden(there, layer)[position]
        require_size(vector.size, "This model is too wide to be read over the API.")
        return {"layer": layer, "position": position, "vector": array(vector, "width", "activation")}


def _object(record: object) -> Record:
    content: Record = plain(record)
    return content


def _bounded(moment: Moment, begin: int, end: int | None) -> int:
    """Returns the end of a range of positions."""
    count = len(moment.ids)
    end = count if end is None else end
    if not 0 <= begin < end <= count:
        raise OutOfRange(f"begin is {begin} and end is {end}; use 0 <= begin < end <= {count}, the text's tokens.")
    return end


def _filters(moment: Moment | None) -> tuple[object, ...]:
    decoding = Decoding() if moment is None else moment.decoding
    return (
        decoding.temperature,
        decoding.top_k,
        decoding.top_p,
        decoding.min_p,
        decoding.repetition_penalty,
    )
