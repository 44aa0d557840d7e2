// Files that the page hands over, and the downloads that it makes without the server.
(() => {
  const { tokenscope } = window;

  /** Downloads of the popover "Share" that are made here: { title, what, make }; `make` returns { name, blob }, or a promise of it. */
  tokenscope.downloads = [];

  /** What was asked last with each tab's own long question, by the tab: files hold the answer as far as it has come. */
  tokenscope.questions = {};

  /** Lets the browser save a blob under a name. */
  tokenscope.saveFile = function saveFile(name, blob) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may still be reading it
  };

  /** The bytes of a base64 text. */
  tokenscope.bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
})();
