// pg-boss on PostgreSQL: jobs in batches. Its schedules are by the minute, so the handler sends the next recurring job.

import { PgBoss } from 'pg-boss';
import { call } from './call.mjs';
import { capacity, chunks, database, firstDue, nextDue } from './common.mjs';

const QUEUE = 'calls';
// One batch is called while the other is fetched or completed. Three and four smaller batches were slower, and so was
// one of all jobs.
const BATCHES = 2;
const BATCH_SIZE = Math.ceil(capacity / BATCHES);
// The shortest that is allowed. Full batches are followed by the next one at once.
const POLLING_S = 0.5;

export const settings =
  `batchSize ${BATCH_SIZE}, localConcurrency ${BATCHES}, burstWhenBatchFull, polling every ${POLLING_S} s, ` +
  'next jobs inserted by batch';

async function start() {
  // `schedule` is for schedules by the minute.
  const boss = new PgBoss({ connectionString: database, schedule: false });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  return boss;
}

export async function fill(workload, count) {
  const boss = await start();
  // A table for this queue alone (`partition`) made no difference.
  await boss.createQueue(QUEUE);
  const due = workload === 'recurring' ? firstDue(count) : Array(count).fill(Date.now());
  for (const some of chunks(due.map((due, number) => job(number, due)))) {
    await boss.insert(QUEUE, some);
  }
  await boss.stop();
}

export async function work(workload) {
  const boss = await start();
  const handler = async (jobs) => {
    await Promise.all(jobs.map(({ data }) => call(data.number, data.due)));
    if (workload === 'recurring') {
      // pg-boss completes the batch after this, so a process that dies in between loses no job.
      await boss.insert(QUEUE, jobs.map(({ data }) => job(data.number, nextDue(data.due))));
    }
  };
  const options = {
    batchSize: BATCH_SIZE,
    localConcurrency: BATCHES,
    pollingIntervalSeconds: POLLING_S,
    burstWhenBatchFull: true,
  };
  await boss.work(QUEUE, options, handler);
}

function job(number, due) {
  return { data: { number, due }, startAfter: new Date(due) };
}
