import { homedir, userInfo } from 'node:os';
import path from 'node:path';

/**
 * The home folder, absolute. Where there is none, as for a user whom a container's system does not know, it is the root, as containers
 * have it by themselves: a place that others can write to, such as that for temporary files, must not stand in for it.
 */
export function homeFolder(): string {
  // An empty HOME is none, and for an unknown user both of these throw.
  for (const find of [homedir, (): string => userInfo().homedir]) {
    try {
      const home = find();
      if (path.isAbsolute(home)) return home;
    } catch {}
  }
  return path.parse(process.cwd()).root;
}
