import type { Transferable } from 'node:worker_threads';

/** One end of a connection between two threads or processes. Messages arrive whole and in order. */
interface End {
  /**
   * @param transfer moved rather than copied between threads; between processes everything is copied
   * @throws Error when the message cannot be cloned
   */
  send(message: unknown, transfer?: readonly Transferable[]): void;
  /** Call it once, in the same turn of the event loop in which the channel was created. */
  listen(listener: ChannelListener): void;
}

export interface ChannelListener {
  readonly onMessage: (message: unknown) => void;
  /** The other end is gone. Called once, after the last message. */
  readonly onEnd: (error: Error) => void;
}

/** The end held by the thread or process that was started. */
export interface Channel extends End {
  /** Closes this end. A thread or process with nothing else to do then exits. */
  close(): void;
  /** Of a process: ends it at once, as one that has no more memory to work with. */
  readonly giveUp?: (error: Error) => void;
}

/** The end held by whoever started the thread or process. */
export interface OwnedChannel extends End {
  /** Kills the other side, whatever it is doing. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Whether this process stays alive as long as the other side does. It does by default. */
  keepAlive(stays: boolean): void;
}

/** Wraps a listener so that it hears of the end only once. */
export function endingOnce({ onMessage, onEnd }: ChannelListener): ChannelListener {
  let hasEnded = false;
  return {
    onMessage,
    onEnd: (error) => {
      if (hasEnded) return;
      hasEnded = true;
      onEnd(error);
    },
  };
}
