// Most kinds have most things in common.
import { AGE, NAME, type Resource } from './resource.ts';

type Loose = Partial<Resource> & Pick<Resource, 'kind'> & { readonly in: string };

/** Fills in what most kinds have in common: namespaced, plural by `s`, name and age shown. */
export function kind({ in: groupVersion, ...given }: Loose): Resource {
  const [first = '', second] = groupVersion.split('/');
  return {
    group: second === undefined ? '' : first,
    version: second ?? first,
    plural: `${given.kind.toLowerCase()}s`,
    singular: given.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    status: false,
    generation: false,
    columns: [NAME, AGE],
    selectable: [],
    ...given,
  };
}
