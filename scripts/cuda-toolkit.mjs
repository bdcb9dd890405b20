// Finds the CUDA toolkit that the runner is built with, or installs NVIDIA's wheels from PyPI into .cache/cuda.
// No root is needed for that, and nothing outside the repository is touched.
import { existsSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasPip } from './pip.mjs';
import { Failure, read, root, run, which } from './shell.mjs';

const oldest = 13;
const requirement = 'cuda-toolkit[nvcc,cudart,cublas,cccl]==13.0.*';
const installed = join(root, '.cache', 'cuda');
/** Where the wheels put the toolkit. */
const wheels = 'nvidia/cu13';

/** Whether a folder holds all parts that the build needs; where they lie differs between installers. */
function isWhole(folder) {
  const places = [folder, join(folder, 'targets/x86_64-linux'), join(folder, 'targets/sbsa-linux')];
  return (
    existsSync(join(folder, 'bin/nvcc')) &&
    ['include/cuda_runtime.h', 'include/cublasLt.h'].every((part) => places.some((place) => existsSync(join(place, part)))) &&
    ['lib64', 'lib'].some((lib) => places.some((place) => existsSync(join(place, lib, 'libcudart_static.a'))))
  );
}

/** Release of a toolkit as a number, 13.0 for example, or undefined. */
function release(folder) {
  const says = read(join(folder, 'bin/nvcc'), ['--version']) ?? '';
  const found = /release (\d+\.\d+)/.exec(says)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Folder of a whole and new enough toolkit on this machine, or undefined. Says why one that is there is passed over. */
function systemToolkit() {
  const nvcc = which('nvcc');
  const places = [
    process.env.CUDA_HOME,
    process.env.CUDA_PATH,
    ...(nvcc === undefined ? [] : [dirname(dirname(realpathSync(nvcc)))]),
    '/usr/local/cuda',
  ];
  for (const folder of new Set(places)) {
    if (!folder || !existsSync(join(folder, 'bin/nvcc'))) continue;
    const found = release(folder);
    if (found === undefined || found < oldest) {
      console.log(`cuda: ${folder} is passed over: CUDA ${found ?? 'of an unknown release'}, ${oldest}.0 or newer is needed`);
    } else if (!isWhole(folder)) {
      console.log(`cuda: ${folder} is passed over: the headers or libraries of cudart or cuBLAS are missing`);
    } else return folder;
  }
  return undefined;
}

const installedToolkit = () => {
  const folder = join(installed, wheels);
  // cicc comes in a package of its own: an installation that was cut off may lack it.
  const whole = isWhole(folder) && existsSync(join(folder, 'nvvm/bin/cicc')) && existsSync(join(folder, 'include/cccl'));
  return whole && (release(folder) ?? 0) >= oldest ? folder : undefined;
};

/** Whether a toolkit can be found or pip can fetch one; then nothing has to be installed for {@link cudaToolkit}. */
export function mayHaveToolkit() {
  return (installedToolkit() ?? systemToolkit()) !== undefined || hasPip();
}

/**
 * Folder that holds bin/nvcc of CUDA 13.0 or newer: the system's toolkit if there is one, else the wheels'.
 * Throws Failure when there is none and it cannot be fetched.
 */
export async function cudaToolkit() {
  const found = systemToolkit() ?? installedToolkit();
  if (found !== undefined) return found;
  if (!hasPip()) {
    throw new Failure(
      'cuda: there is no CUDA toolkit of 13.0 or newer, and no pip to fetch one with. ' +
        'Install pip:  apt install python3-pip   (or a toolkit: https://developer.nvidia.com/cuda-downloads)',
    );
  }
  console.log(`cuda: fetching ${requirement} from PyPI into .cache/cuda (about 500 MB, once)`);
  // Under another name until it is whole.
  const fresh = `${installed}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(dirname(installed), { recursive: true });
  const options = ['--disable-pip-version-check', '--no-compile', '--no-input', '--progress-bar', 'off'];
  await run('python3', ['-m', 'pip', 'install', ...options, '--target', fresh, requirement], { quiet: true });
  rmSync(installed, { recursive: true, force: true });
  renameSync(fresh, installed);
  const toolkit = installedToolkit();
  if (toolkit === undefined) throw new Failure(`cuda: what PyPI brought is not whole: look into ${installed}`);
  return toolkit;
}
