/** A control of any kind: its value is text, as the host takes it. */
export interface FieldControl {
  readonly root: HTMLElement;
  value: string;
  /** What screen readers call it, and whether it is wrong. */
  describe(label: string, invalid: boolean): void;
}

/** A button below a field, by what it says. */
export interface FieldAction {
  readonly label: string;
  readonly onClick: () => void;
}

export interface FieldActions {
  readonly onChange: (value: string) => void;
  /** Asks for a file or folder with a dialog. @param index of several paths */
  readonly onChoose: (index: number) => void;
  /** The field is to have several values, or one. Without it there is no button for that. */
  readonly onSeveral?: (on: boolean) => void;
}
