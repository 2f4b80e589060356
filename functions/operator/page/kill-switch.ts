import { post } from './api.ts';
import { fill, h, part } from './dom.ts';
import type { Store } from './store.ts';

const QUESTION =
  'NimbusGuard writes nothing more to this target until you let it go on. It keeps observing and deciding. Freeze leaves the pods as they are. Release puts back what stood there before, which may be too few pods for the demand of now.';

const WORDS: Readonly<Record<string, string>> = {
  freeze: 'freeze, with the next beat',
  release: 'release, with the next beat',
  none: 'go on, with the next beat',
};

/** The kill switch: asks once and says what it does. */
export function killSwitch(store: Store, failed: (error: unknown) => void): void {
  const root = part('switch');
  const button = h('button', { type: 'button', class: 'danger' }, 'Stop…');
  const title = h('h2', { id: 'stop-title' }, 'Stop NimbusGuard for this target?');
  const note = h('p', {}, QUESTION);
  const close = h('button', { type: 'button', class: 'quiet' }, 'Cancel');
  const freeze = h('button', { type: 'button', class: 'danger' }, 'Freeze: leave what is there');
  const release = h(
    'button',
    { type: 'button', class: 'danger' },
    'Release: restore the originals',
  );
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'stop-title' },
    title,
    note,
    h('p', { class: 'actions' }, freeze, release, close),
  );
  const asked = h('span', { class: 'muted' });
  fill(root, asked, button, dialog);

  /** What was asked for, until it is seen to be so. */
  let awaited: { readonly target: string; readonly suspend: string } | undefined;
  const awaitedText = (): string => {
    const isDone = awaited?.suspend === store.target?.suspend;
    if (isDone || awaited?.target !== store.url.target) awaited = undefined;
    return awaited === undefined ? '' : `asked: ${WORDS[awaited.suspend] ?? ''}`;
  };
  const send = (suspend: string): void => {
    const { target } = store.url;
    dialog.close();
    post('/api/suspend', { target, suspend, confirm: target }).then(() => {
      awaited = { target, suspend };
      part('live').textContent = `Asked: ${suspend}. It takes effect on the next beat.`;
      store.tell('target');
    }, failed);
  };
  button.addEventListener('click', () => {
    const stopped = store.target?.suspend !== 'none';
    if (stopped) send('none');
    else dialog.showModal();
  });
  close.addEventListener('click', () => dialog.close());
  freeze.addEventListener('click', () => send('freeze'));
  release.addEventListener('click', () => send('release'));
  store.on(['target', 'about'], () => {
    root.hidden = store.target === undefined || store.about?.killSwitch !== true;
    const stopped = store.target !== undefined && store.target.suspend !== 'none';
    button.textContent = stopped ? 'Go on' : 'Stop…';
    button.className = stopped ? 'primary' : 'danger';
    asked.textContent = awaitedText();
    title.textContent = `Stop NimbusGuard for ${store.url.target}?`;
  });
}
