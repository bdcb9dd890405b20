export interface ServerFolders {
  /** Settings, state and logs of the server. */
  readonly data: string;
  /** Where extensions are installed. */
  readonly extensions: string;
}

export interface RunningServer {
  /** The URL that opens a folder (an absolute path) in a browser. It holds the secret that lets one in. */
  address(folder: string): string;
  readonly pid: number;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export function installServer(log?: (line: string) => void): Promise<void>;
export function installExtension(vsix: string, folders: ServerFolders): Promise<void>;
export function startServer(options: ServerFolders & { readonly port?: number; readonly trust?: boolean; readonly env?: Readonly<Record<string, string>> }): Promise<RunningServer>;
