import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

test('the shipped prior is what training with seed 1 makes of this core, bit for bit', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prior-'));
  try {
    const out = join(folder, 'prior.json');
    const script = fileURLToPath(new URL('train.ts', import.meta.url));
    execFileSync(process.execPath, [script, '--seed', '1', '--out', out], { timeout: 600_000 });
    const shipped = new URL('../shared/domain/prior.json', import.meta.url);
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(shipped, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
