// Plain JavaScript: it must run on the Node that is too old, too.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 6)) {
  console.error(
    `NimbusGuard needs Node 24.6 or newer; this is ${process.version}.\n` +
      'The npm package `node` brings it unless its install script was blocked:\n' +
      'run `npm rebuild node`, or install Node 24.',
  );
  process.exit(1);
}
