/**
 * Bytes of a file beyond which VS Code may keep its text to the window: extensions never see such a document. Longer JSON
 * lines are checked as a stream, from disk.
 */
export const LARGE_BYTES = 50 * 2 ** 20;
