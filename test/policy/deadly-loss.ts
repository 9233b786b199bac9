import process from 'node:process';

/** A module that ends the thread which loads it, as running out of memory would. */
process.exit(3);
