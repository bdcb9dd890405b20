import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PROGRAMS = ['/usr/sbin/munged', '/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/bin/sbatch'];

/** Why no cluster can be started here; undefined when one can. */
export function whyNoSlurm(): string | undefined {
  if (process.getuid?.() !== 0) return 'a Slurm of its own needs root';
  const missing = PROGRAMS.find((file) => !existsSync(file));
  if (missing !== undefined) return `${missing} is not there (packages slurm-wlm and munge)`;
  return idOf('munge') === undefined ? 'there is no user munge' : undefined;
}

/** Numbers of a user and its group. */
function idOf(user: string): { readonly uid: number; readonly gid: number } | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A whole Slurm of two machines with one processor each, on this one, in a folder of its own; nothing of it is left once it is stopped. */
export class SlurmCluster {
  static readonly NODES = ['n1', 'n2'] as const;
  readonly #daemons = new Map<string, ChildProcess>();

  private constructor(readonly folder: string) {}

  /** What its programs are told by in their environment. */
  get env(): { readonly SLURM_CONF: string } {
    return { SLURM_CONF: path.join(this.folder, 'slurm.conf') };
  }

  static async start(): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(await mkdtemp(path.join(tmpdir(), 'wishbone-slurm-')));
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { folder } = this;
    await chmod(folder, 0o755);
    const munge = path.join(folder, 'munge');
    const user = idOf('munge')!;
    await mkdir(munge);
    await writeFile(path.join(munge, 'key'), randomBytes(1024), { mode: 0o400 });
    for (const each of [munge, path.join(munge, 'key')]) await chown(each, user.uid, user.gid);
    const at = (name: string): string => path.join(munge, name);
    this.#daemon(
      'munged',
      ['--foreground', `--socket=${at('socket')}`, `--key-file=${at('key')}`, `--pid-file=${at('pid')}`, `--seed-file=${at('seed')}`],
      user,
    );
    const [control, ...ports] = await freePorts(3);
    await writeFile(path.join(folder, 'slurm.conf'), this.#config(control!, ports));
    for (const name of ['state', ...SlurmCluster.NODES.map((node) => `spool-${node}`)]) await mkdir(path.join(folder, name));
    await this.#until('munged', () => existsSync(at('socket')));
    this.#daemon('slurmctld', ['-D']);
    for (const node of SlurmCluster.NODES) this.startNode(node);
    await this.#until('both nodes', () => this.says('sinfo', '-h', '-o', '%T').trim() === 'idle');
  }

  startNode(node: (typeof SlurmCluster.NODES)[number]): void {
    this.#daemon('slurmd', ['-D', '-N', node], undefined, node);
  }

  /** A machine that is gone from one moment to the next: nothing of it lives on, and nobody is told. */
  async loseNode(node: (typeof SlurmCluster.NODES)[number]): Promise<void> {
    const daemon = this.#daemons.get(node);
    this.#daemons.delete(node);
    daemon?.kill('SIGKILL');
    // First those that would tell of the end of the others.
    await this.#killSteps(node);
    for (const pid of await processes(async (file) => {
      const env = await readFile(path.join(file, 'environ'), 'latin1');
      return env.includes(`SLURM_CONF=${this.env.SLURM_CONF}`) && env.includes(`SLURMD_NODENAME=${node}`);
    }))
      kill(pid);
  }

  /** The daemons of job steps are known by the log that they have open. */
  async #killSteps(node: string): Promise<void> {
    for (const pid of await processes(async (file) => {
      const isStep = (await readFile(path.join(file, 'comm'), 'latin1')).startsWith('slurmstepd');
      return isStep && (await opens(file, path.join(this.folder, `slurmd-${node}.log`)));
    }))
      kill(pid);
  }

  /** Output of one of Slurm's programs. */
  says(program: string, ...args: string[]): string {
    return execFileSync(program, args, { env: { ...process.env, ...this.env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async stop(): Promise<void> {
    try {
      this.says('scancel', '--user=root');
      await sleep(300);
    } catch {
      // It was never there, or is gone.
    }
    // Whatever jobs have left knows the cluster by its environment.
    for (const pid of await processes(async (file) =>
      (await readFile(path.join(file, 'environ'), 'latin1')).includes(`${this.folder}/slurm.conf`),
    ))
      if (pid !== process.pid && ![...this.#daemons.values()].some((daemon) => daemon.pid === pid) && (await isJob(pid))) kill(pid);
    for (const daemon of [...this.#daemons.values()].reverse()) {
      const ended = new Promise((resolve) => daemon.once('exit', resolve));
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
      daemon.kill('SIGTERM');
      await Promise.race([ended, sleep(3000).then(() => daemon.kill('SIGKILL'))]);
    }
    this.#daemons.clear();
    for (const node of SlurmCluster.NODES) await this.#killSteps(node);
    await rm(this.folder, { recursive: true, force: true });
  }

  #daemon(program: string, args: readonly string[], user?: { uid: number; gid: number }, name = program): void {
    const child = spawn(`/usr/sbin/${program}`, args, {
      env: { ...process.env, ...this.env },
      stdio: 'ignore',
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    child.on('error', () => undefined);
    this.#daemons.set(name, child);
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(100)) {
      try {
        if (isSo()) return;
      } catch {
        // Not yet.
      }
    }
    const log = await readFile(path.join(this.folder, 'slurmctld.log'), 'utf8').catch(() => '');
    throw new Error(`Slurm did not start: ${what}\n${log.slice(-2000)}`);
  }

  #config(control: number, ports: readonly number[]): string {
    const at = (name: string): string => path.join(this.folder, name);
    return [
      'ClusterName=wishbone',
      'SlurmctldHost=localhost',
      'SlurmUser=root',
      'AuthType=auth/munge',
      // A job that went back into the queue waits until its credential is void.
      `AuthInfo=socket=${at('munge/socket')},cred_expire=5`,
      `SlurmctldPort=${control}`,
      `StateSaveLocation=${at('state')}`,
      `SlurmdSpoolDir=${at('spool-%n')}`,
      `SlurmctldPidFile=${at('slurmctld.pid')}`,
      `SlurmdPidFile=${at('slurmd-%n.pid')}`,
      `SlurmctldLogFile=${at('slurmctld.log')}`,
      `SlurmdLogFile=${at('slurmd-%n.log')}`,
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_Core',
      'AccountingStorageType=accounting_storage/none',
      'JobAcctGatherType=jobacct_gather/none',
      'SwitchType=switch/none',
      'MpiDefault=none',
      'ReturnToService=2',
      'KillWait=5',
      'SlurmdTimeout=10',
      'SchedulerParameters=sched_interval=2,bf_interval=2',
      'MailProg=/bin/true',
      ...SlurmCluster.NODES.map((node, index) => `NodeName=${node} NodeHostname=localhost Port=${ports[index]} CPUs=1 State=UNKNOWN`),
      `PartitionName=all Nodes=${SlurmCluster.NODES.join(',')} Default=YES MaxTime=INFINITE State=UP`,
      '',
    ].join('\n');
  }
}

async function isJob(pid: number): Promise<boolean> {
  const env = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return env.includes('SLURM_JOB_ID=');
}

/** Processes of which something is so. @param isIt of a process's folder in /proc; what cannot be read is not so */
async function processes(isIt: (folder: string) => Promise<boolean>): Promise<number[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const are = await Promise.all(numbers.map((name) => isIt(`/proc/${name}`).catch(() => false)));
  return numbers.filter((_, index) => are[index]).map(Number);
}

/** Whether a process works on something in a folder: has a file of it open, or stands in it. */
async function opens(folder: string, where: string): Promise<boolean> {
  const links = [`${folder}/cwd`, ...(await readdir(`${folder}/fd`)).map((name) => `${folder}/fd/${name}`)];
  const targets = await Promise.all(links.map((link) => readlink(link).catch(() => '')));
  const line = await readFile(`${folder}/cmdline`, 'latin1').catch(() => '');
  return targets.some((target) => target.startsWith(where)) || line.includes(where);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
