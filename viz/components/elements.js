// How every panel makes elements: text goes in as text, never as markup.
(() => {
  const { tokenscope } = window;
  const SVG = 'http://www.w3.org/2000/svg';

  /** A new element of a class, inside its parent if there is one yet, with a text if one is given. */
  tokenscope.make = function make(name, className, parent, text) {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (name === 'button') node.type = 'button';
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  };

  /** A new element of a drawing with its attributes, inside its parent if there is one yet, with a text if one is given. */
  tokenscope.svg = function svg(name, attributes, parent, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  };

  /**
   * Fills an element with a sentence that has elements in it. `parts` take the places in braces, in the order of the
   * language: an element, several, or a text.
   */
  tokenscope.weave = function weave(host, sentence, parts) {
    host.replaceChildren(...sentence.split(/\{(\w+)\}/).flatMap((piece, index) => (index % 2 ? parts[piece] : piece)));
  };
})();
