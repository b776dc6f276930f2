// graphile-worker on PostgreSQL, with its batching. Its crontab is by the minute, so the task adds the next recurring job.

import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { call } from './call.mjs';
import { capacity, chunks, database, firstDue, nextDue } from './common.mjs';

const TASK = 'call';
// Jobs that wait in the process for a free place. With `capacity + 1`, recurring calls were a fifth slower.
const LOCAL_QUEUE = 2 * capacity;
// The guide to performance starts with 25 ms. Without a delay the database has more to do.
const COMPLETE_DELAY_MS = 25;
// Next jobs that are added within this time go into one statement.
const ADD_DELAY_MS = 10;
// The pause before jobs are looked for again, after too few were due.
const POLL_MS = 100;

export const settings =
  `concurrentJobs ${capacity}, localQueue ${LOCAL_QUEUE}, completeJobBatchDelay ${COMPLETE_DELAY_MS} ms, ` +
  `pollInterval ${POLL_MS} ms, next jobs added by addJobs, those of ${ADD_DELAY_MS} ms together`;

// A log line for each job would cost more than the job.
const logger = new Logger(() => (level, message) => level === 'error' && console.error(message));

export async function fill(workload, count) {
  const utils = await makeWorkerUtils({ connectionString: database, logger });
  await utils.migrate();
  const due = workload === 'recurring' ? firstDue(count) : Array(count).fill(Date.now());
  for (const some of chunks(due.map((due, number) => job(number, due)))) {
    await utils.addJobs(some);
  }
  await utils.release();
}

export async function work(workload) {
  const addNext = adder();
  const task = async ({ number, due }, { addJobs }) => {
    await call(number, due);
    if (workload === 'recurring') {
      // graphile-worker completes the job after this, so a process that dies in between loses none.
      await addNext(addJobs, job(number, nextDue(due)));
    }
  };
  const worker = {
    connectionString: database,
    concurrentJobs: capacity,
    localQueue: { size: LOCAL_QUEUE },
    completeJobBatchDelay: COMPLETE_DELAY_MS,
    failJobBatchDelay: COMPLETE_DELAY_MS,
    pollInterval: POLL_MS,
    logger,
  };
  await run({ preset: { worker }, taskList: { [TASK]: task } });
}

/// Returns what adds a job together with others. The promise resolves when the job is in the database.
function adder() {
  let jobs = [];
  let added;
  return (addJobs, job) => {
    jobs.push(job);
    added ??= new Promise((resolve, reject) => {
      setTimeout(() => {
        const together = jobs;
        [jobs, added] = [[], undefined];
        addJobs(together).then(resolve, reject);
      }, ADD_DELAY_MS);
    });
    return added;
  };
}

function job(number, due) {
  return { identifier: TASK, payload: { number, due }, runAt: new Date(due) };
}
