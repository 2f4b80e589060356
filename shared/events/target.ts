import { z } from 'zod';

/** The object a policy points at, as it was when it was read. */
export const Target = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  namespace: z.string().min(1),
  name: z.string().min(1),
  uid: z.string().min(1),
});
export type Target = z.infer<typeof Target>;

const count = z.int().nonnegative().max(1_000_000);

export const Replicas = z.object({
  /** What the spec asks for. */
  desired: count,
  ready: count,
  /** Created, not ready yet. */
  starting: count,
  /** Being terminated, still paid for. */
  draining: count,
});
export type Replicas = z.infer<typeof Replicas>;
