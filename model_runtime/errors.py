# ruff: noqa: N818 - they are named by what happened, as the page says it
"""Every error that Tokenscope raises on purpose.

    TokenscopeError
    ├── InputError              what was asked cannot be done as asked; change the request
    │   ├── EmptyPrompt         no text, and the model has no token to begin from
    │   ├── ContextFull         the text does not fit into the model's context, or fills it
    │   ├── TextEnded           the text already ended with an end token
    │   ├── OutOfRange          a position, layer, head or token id that does not exist (also an IndexError)
    │   ├── BadDecoding         a decoding setting outside its range (also a ValueError)
    │   ├── BadMoment           a saved moment that cannot be read, or was made with another model
    │   ├── BadRecording        a saved recording that cannot be read
    │   ├── UnequalTexts        two texts that have to have the same number of tokens have not
    │   ├── NoChatTemplate      a chat was asked of a model whose tokenizer has no chat template that can write it
    │   └── LanguageUnknown     the interface is not translated into that language
    └── ModelError              the model, its files or the machine stand in the way
        ├── ModelNotFound       no such model, or no way to reach it
        ├── ModelUnsupported    a model that this runtime cannot open
        ├── ModelTooLarge       the device has not enough memory
        ├── DeviceFailed        the device failed while running and has to be started anew
        ├── GpuUnavailable      no GPU was lent for the call, or it was taken back before the end
        ├── TooManyWaiting      as many visitors wait for the model as may
        ├── VisitorLeft         who asked went away before the turn came
        ├── LoadingStopped      someone stopped the loading; raised by the progress function that is told of it
        └── FeatureUnavailable  this model has no such thing, or its proof failed at load
            └── NotFinite       the model itself computed what is no number

Every message says what happened, with the value, and what to do about it. The page shows it as it is.
"""


class TokenscopeError(Exception):
    """The root of everything that Tokenscope raises on purpose."""


class InputError(TokenscopeError):
    """What was asked cannot be done as asked."""


class EmptyPrompt(InputError):
    """There is no text, and the model has no token to begin a text with."""


class ContextFull(InputError):
    """The text does not fit into the model's context, or fills it to the last position."""


class TextEnded(InputError):
    """The text already ended: its last token is an end token or completes a stop text."""


class OutOfRange(InputError, IndexError):
    """A position, layer, head or token id does not exist."""


class BadDecoding(InputError, ValueError):
    """A decoding setting is outside its range."""


class BadMoment(InputError, ValueError):
    """A saved moment cannot be read, or belongs to another model."""


class BadRecording(InputError, ValueError):
    """A file is no recording, is damaged, or comes from a newer version."""


class UnequalTexts(InputError):
    """Two texts that have to have the same number of tokens have not."""


class NoChatTemplate(InputError):
    """A chat was asked of a model whose tokenizer has no chat template, or one that cannot write the message."""


class LanguageUnknown(InputError, ValueError):
    """There is no translation of the interface into this language."""


class ModelError(TokenscopeError):
    """The model, its files or the machine stand in the way."""


class ModelNotFound(ModelError):
    """There is no such model, or no way to reach it from here."""


class ModelUnsupported(ModelError):
    """The files are there, but this runtime cannot open the model."""


class ModelTooLarge(ModelError):
    """The device has not enough memory for the model or for the text."""


class DeviceFailed(ModelError):
    """The device failed while running; until the program is started again, every call to it fails."""


class GpuUnavailable(ModelError):
    """No GPU was lent for a call, or it was taken back before the end; what came before that stays."""


class TooManyWaiting(ModelError):
    """As many visitors wait for the model as may; nothing was computed."""


class VisitorLeft(ModelError):
    """Who asked went away before the turn came, so the question was dropped."""


class LoadingStopped(ModelError):
    """Loading was stopped on request. A progress function raises it; what was fetched whole stays for the next time."""


class AnswerStopped(ModelError):
    """A long answer was stopped on request. What was computed whole stays for the next time."""


class FeatureUnavailable(ModelError):
    """This model has no such thing, or the proof that it is read rightly failed at load."""


class NotFinite(FeatureUnavailable):
    """The model itself computed NaN or infinite numbers, from which nothing follows."""
