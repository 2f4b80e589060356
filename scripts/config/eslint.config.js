import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

/**
 * The layers, lowest first. A folder may import from folders above it in this list only:
 * errors ← events ← domain ← ports ← adapters | runtime ← functions. Scripts may import anything.
 */
const forbid = (...groups) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: groups.map((group) => ({
        group,
        message: 'This crosses the layers (see README).',
      })),
    },
  ],
});
const node = ['node:*', '!node:assert'];
const functions = ['#functions/*', '**/functions/**'];
const scripts = ['#scripts/*', '**/scripts/**'];
const upward = (...names) =>
  names.map((name) => [`#shared/${name}`, `#shared/${name}/*`, `../${name}/*`]);

const budgets = {
  complexity: ['error', 10],
  'max-depth': ['error', 3],
  'max-params': ['error', 4],
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
  'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
};
const noBudgets = Object.fromEntries(Object.keys(budgets).map((rule) => [rule, 'off']));

export default tseslint.config(
  { ignores: ['**/node_modules/**', '**/dist/**', '.nimbusguard/**', 'scripts/config/*.js'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: fileURLToPath(new URL('../..', import.meta.url)),
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      ...budgets,
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[property.name='pathname'] > NewExpression:has(MetaProperty)",
          message: 'fileURLToPath: a folder may have a space in its name.',
        },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  { files: ['shared/errors.ts'], rules: forbid(['#shared/*', '*/*'], functions, scripts) },
  {
    files: ['shared/events/**/*.ts'],
    rules: forbid(node, functions, scripts, ...upward('domain', 'ports.ts', 'adapters', 'runtime')),
  },
  {
    files: ['shared/domain/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      ...forbid(node, functions, scripts, ...upward('ports.ts', 'adapters', 'runtime')),
      'no-restricted-globals': [
        'error',
        'Date',
        'process',
        'setTimeout',
        'fetch',
        'performance',
        'console',
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
    },
  },
  {
    files: ['shared/adapters/**/*.ts'],
    rules: forbid(functions, scripts, ...upward('runtime')),
  },
  {
    files: ['shared/runtime/**/*.ts'],
    rules: forbid(functions, scripts, ...upward('adapters')),
  },
  {
    files: ['functions/**/*.ts'],
    rules: {
      ...forbid(['#functions/*'], ['../../functions/*'], scripts),
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env' },
        { object: 'Math', property: 'random' },
      ],
    },
  },
  {
    files: ['functions/**/*.ts', 'shared/{adapters,runtime}/**/*.ts'],
    ignores: ['functions/operator/page/**', '**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Use shared/adapters/http.ts: it says why.' },
      ],
    },
  },
  {
    files: ['functions/*/index.ts', 'functions/loop*.test.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['scripts/**/*.ts'],
    ignores: ['scripts/command-line.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          name: 'node:util',
          importNames: ['parseArgs'],
          message: 'Use scripts/command-line.ts: it has --help and refuses what is not known.',
        },
      ],
    },
  },
  // the loop test brings the manifests' routes, the embedded cluster and all functions together
  { files: ['functions/loop*.test.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['**/*.test.ts'],
    rules: { ...noBudgets, '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
