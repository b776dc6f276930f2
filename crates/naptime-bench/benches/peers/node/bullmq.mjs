// BullMQ on Redis: one-off jobs in bulk, and a job scheduler for each recurring job.

import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { call } from './call.mjs';
import { capacity, chunks, database, firstDue, PERIOD_MS } from './common.mjs';

export const settings = `one Worker of concurrency ${capacity}, auto-pipelining, job schedulers, completed jobs removed`;

const QUEUE = 'calls';
// The guide to production advises to remove jobs. To keep none is the fastest.
const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: { count: 1000 } };

// A Worker requires the first option. The second sends the commands of one turn of the event loop together: about a
// tenth less CPU here.
const connect = () => new Redis(database, { maxRetriesPerRequest: null, enableAutoPipelining: true });

export async function fill(workload, count) {
  const queue = new Queue(QUEUE, { connection: connect() });
  const add = workload === 'recurring' ? scheduleAll(queue, count) : addAll(queue);
  for (const some of chunks([...Array(count).keys()])) {
    await add(some);
  }
}

/// Returns what adds one-off jobs by their numbers.
function addAll(queue) {
  const job = (number) => ({ name: 'call', data: { number }, opts: JOB_OPTIONS });
  return (numbers) => queue.addBulk(numbers.map(job));
}

/// Returns what makes schedulers by their numbers. A scheduler adds its next job when a worker takes the current one.
function scheduleAll(queue, count) {
  const due = firstDue(count);
  const schedule = (number) => {
    const repeat = { every: PERIOD_MS, startDate: due[number] };
    return queue.upsertJobScheduler(`${number}`, repeat, { name: 'call', data: { number }, opts: JOB_OPTIONS });
  };
  return (numbers) => Promise.all(numbers.map(schedule));
}

export async function work() {
  // Several Workers in one process, with a share of the concurrency each, were not faster.
  const worker = new Worker(QUEUE, (job) => call(job.data.number, dueOf(job)), {
    connection: connect(),
    concurrency: capacity,
  });
  worker.on('error', (error) => console.error(error));
  worker.on('failed', (_, error) => console.error(error));
}

/// The id of a scheduler's job is `repeat:SCHEDULER:DUE`.
function dueOf(job) {
  return Number(job.id.split(':')[2] ?? job.timestamp);
}
