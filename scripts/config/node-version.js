// Plain JavaScript: it must run on the Node that is too old, too.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 6)) {
  console.error(
    `NimbusGuard needs Node 24.6 or newer; this is ${process.version}.\n` +
      'On Linux the project brings it as an npm package, unless optional packages are left out.\n' +
      'Elsewhere install Node 24, or run `npx --yes --package=node@24 make local` with the Node there is.',
  );
  process.exit(1);
}
