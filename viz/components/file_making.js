// Files that the server makes: begun, followed in the queue of everything that computes, and fetched when they are made.
(() => {
  const { tokenscope } = window;
  const PAUSE = 200; // milliseconds between two questions how far a file is
  const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString('en-US', { maximumFractionDigits: 1 })} MB`;
  const pause = () => new Promise((resolve) => { setTimeout(resolve, PAUSE); });

  /**
   * Has a file of the view made. `ask(name, detail)` asks the server, null where it refuses; `told(words, fraction)` is told how far it
   * is; `stopped()` says whether it is wanted no more; `confirm(words)` is asked about a file of more than `large` bytes. Returns
   * { name, blob }, null where there is none.
   */
  tokenscope.makeFile = async function makeFile(name, { ask, told, stopped, confirm, large }) {
    const view = tokenscope.view();
    const begun = await ask('begin', { name, view, asked: tokenscope.questions[view.tab] ?? null });
    if (!begun) return null;
    const { ticket } = begun;
    let made = null;
    while (!made?.name) {
      if (stopped()) {
        await ask('leave', { ticket });
        return null;
      }
      made = await ask('follow', { ticket });
      if (!made) return null;
      if (!made.name) {
        told(made.text, made.fraction);
        await pause();
      }
    }
    if (made.size > large && !(await confirm(tokenscope.say('{file} has {size}.', { file: made.name, size: megabytes(made.size) })))) {
      await ask('leave', { ticket });
      return null;
    }
    const file = await ask('take', { ticket });
    return file && { name: file.name, blob: new Blob([tokenscope.bytesOf(file.content)], { type: file.media }) };
  };
})();
