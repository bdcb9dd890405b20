import type { CheckOptions, DocumentReport, FileReport } from '../../core/checks/index.js';

/** What is known of a document or file: nothing for one that is no preference file. */
export type FileState =
  | { readonly kind: 'other' }
  /** A document, as of its version. `options`: what it was checked with. */
  | { readonly kind: 'checked'; readonly report: DocumentReport; readonly options: CheckOptions }
  /** A file too large for VS Code to show it to extensions, checked from disk. */
  | {
      readonly kind: 'large';
      /** Undefined until the first rows are read. */
      readonly report: FileReport | undefined;
      readonly size: number;
      /** It has unsaved changes in the editor, which nobody but the editor sees. */
      readonly isEdited: boolean;
    }
  /** A list as large as that: it is not checked. */
  | { readonly kind: 'tooLarge' };

export const OTHER: FileState = { kind: 'other' };
