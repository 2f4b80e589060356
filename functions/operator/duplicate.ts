/**
 * The younger of two policies on one target, which is not followed: it has nothing to say of the target, whose
 * news are the other's.
 */
export const isDuplicate = (of: {
  readonly problem: { readonly reason: string } | null;
}): boolean => of.problem?.reason === 'Duplicate';
