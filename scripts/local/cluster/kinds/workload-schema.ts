// The shapes of what the controllers and the kubelet read of a workload: a wrong one is refused at the
// door, as the API server's decoding does. All other fields are kept as they came.
import type { Cause } from '../api/errors.ts';
import type { Dict, NewObject } from '../types.ts';
import type { Schema } from './resource.ts';
import { compileSchema } from './schema.ts';

const TEXT = { type: 'string' };
const TEXTS = { type: 'object', additionalProperties: TEXT };
export const LABEL_VALUE = /^(?=.{0,63}$)([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const LABELS = {
  type: 'object',
  additionalProperties: { type: 'string', pattern: LABEL_VALUE.source },
};
const ANYTHING = { type: 'object' };
const MOST = 2 ** 31 - 1;

const whole = (minimum: number, maximum = MOST): Dict => ({ type: 'integer', minimum, maximum });
const either = (pattern: string): Dict => ({
  'x-kubernetes-int-or-string': true,
  minimum: 0,
  pattern,
});
const fields = (properties: Dict, required: readonly string[] = []): Dict => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
});
const list = (items: Dict): Dict => ({ type: 'array', items });

const KEY_REF = fields({ name: TEXT, key: TEXT, optional: { type: 'boolean' } }, ['key']);
const SOURCE_REF = fields({ name: TEXT, optional: { type: 'boolean' } });
const ENV = fields(
  {
    name: { type: 'string', pattern: '^[^=\\u0000]+$' },
    value: TEXT,
    valueFrom: fields({
      configMapKeyRef: KEY_REF,
      secretKeyRef: KEY_REF,
      fieldRef: fields({ fieldPath: TEXT }, ['fieldPath']),
      resourceFieldRef: ANYTHING,
    }),
  },
  ['name'],
);
const PORT = fields({ name: TEXT, containerPort: whole(1, 65_535) }, ['containerPort']);
const HEADER = fields({ name: { type: 'string', pattern: '^[-A-Za-z0-9]+$' }, value: TEXT }, [
  'name',
]);
const PROBE = fields({
  httpGet: fields({ path: TEXT, port: either(''), httpHeaders: list(HEADER) }),
  tcpSocket: fields({ port: either('') }),
  initialDelaySeconds: whole(0),
  periodSeconds: whole(1),
  timeoutSeconds: whole(1),
  successThreshold: whole(1),
  failureThreshold: whole(1),
});
const CONTAINER = fields({
  name: TEXT,
  image: TEXT,
  env: list(ENV),
  envFrom: list(fields({ prefix: TEXT, configMapRef: SOURCE_REF, secretRef: SOURCE_REF })),
  ports: list(PORT),
  readinessProbe: PROBE,
  livenessProbe: PROBE,
  startupProbe: PROBE,
  resources: ANYTHING,
});
const POD_SPEC = fields({
  containers: list(CONTAINER),
  nodeName: TEXT,
  restartPolicy: TEXT,
  terminationGracePeriodSeconds: whole(0),
});
const EXPRESSION = fields(
  {
    key: TEXT,
    operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] },
    values: list(TEXT),
  },
  ['key', 'operator'],
);
const WORKLOAD_SPEC = fields({
  selector: fields({ matchLabels: LABELS, matchExpressions: list(EXPRESSION) }),
  template: fields({
    metadata: fields({ labels: LABELS, annotations: TEXTS }),
    spec: POD_SPEC,
  }),
  strategy: fields({
    type: { type: 'string', enum: ['Recreate', 'RollingUpdate'] },
    rollingUpdate: fields({ maxSurge: either('^\\d+%$'), maxUnavailable: either('^\\d+%$') }),
  }),
  minReadySeconds: whole(0),
  revisionHistoryLimit: whole(0),
  progressDeadlineSeconds: whole(0),
  paused: { type: 'boolean' },
});

/** Compiled at the first look: a start without such an object does not pay for it. */
function checker(spec: Dict, name: string): (object: NewObject) => Cause[] {
  let schema: Schema | undefined;
  return (object) => {
    schema ??= compileSchema(fields({ spec }), name);
    return schema.check(object, undefined);
  };
}

export const checkPodShape = checker(POD_SPEC, 'Pod');
export const checkWorkloadShape = checker(WORKLOAD_SPEC, 'Workload');
