//! The dataflow from outside: the real host, the real decoder, a real log.

mod again;
mod backtest;
mod equality;
mod kit;
mod ledger;
mod past;
mod scenarios;
mod together;
mod watches;
