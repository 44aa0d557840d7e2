// The interface's sentences, looked up by their English texts in the language of the page, as viz/sentences does.
(() => {
  const { tokenscope, tokenscopeSentences: spoken } = window;
  document.documentElement.lang = spoken.language;
  // An expression of C as gettext's files have it, which the server has read as one; JavaScript computes it alike.
  const formOf = new Function('n', `return Number(${spoken.plural});`);

  const put = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => (Object.hasOwn(values, name) ? values[name] : place));

  /** A sentence; `values` take the places in braces. */
  tokenscope.say = (text, values = {}) => put(spoken.texts[text]?.[0] ?? text, values);

  /** A sentence that counts something, in the form that the language has for this number; `{count}` is the number. */
  tokenscope.sayMany = function sayMany(one, many, count, values = {}) {
    const said = spoken.texts[one]?.[formOf(count)] ?? (count === 1 ? one : many);
    return put(said, { count: tokenscope.whole(count), ...values });
  };

  /** Marks a text of a table as a sentence, which is said where it is drawn. */
  tokenscope.later = (text) => text;
})();
