#![no_main]

task_execution_engine_fuzz::target!("replies");
