// Of the one app whose specs run too; its copy stands here where the app is compiled.
export * from '../../../specs/app/src/schemas/task.js';
