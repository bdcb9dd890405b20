import type { Transferable } from 'node:worker_threads';

/** One end of a connection between two threads or processes. Messages arrive whole and in the order they were sent. */
interface End {
  /**
   * @param transfer moved rather than copied between threads; between processes everything is copied
   * @throws Error when the message cannot be cloned
   */
  send(message: unknown, transfer?: readonly Transferable[]): void;
  /** To be called once, in the turn in which the channel was made. */
  listen(listener: ChannelListener): void;
}

export interface ChannelListener {
  readonly onMessage: (message: unknown) => void;
  /** There is no other end any more. Comes once, after the last message. */
  readonly onEnd: (error: Error) => void;
}

/** The end of a thread or process that was started by another one. */
export interface Channel extends End {
  /** Lets go of this end: a thread or process that has nothing else to do ends then. */
  close(): void;
}

/** The starting side's end of a thread or process. */
export interface OwnedChannel extends End {
  /** Ends the other side at once, whatever it is doing. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Whether this process stays alive for as long as the other side does; it does unless told otherwise. */
  keepAlive(stays: boolean): void;
}

/** A listener that hears of an end once. */
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
