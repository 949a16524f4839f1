import type { Alteration } from './alteration.ts';

export const logAlterations: readonly Alteration[] = [];
