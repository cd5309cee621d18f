//! The cheapest matching of rows to columns (指派问题), exact: successive shortest augmenting paths with potentials.
//!
//! ```text
//!          columns: each at most once                row i → its column, or left for the price of leaving it
//! rows   [ cost(i, j), ∞ where not allowed ]
//! ```
//!
//! Every row is matched or left out at its own price, so an answer always exists. **Cost** at most rows² × columns; 500
//! rows and 1,000 columns take a fraction of a second. The answer is the optimum up to rounding: [`Matching::bound`] is
//! the value of the dual solution, which no matching can undercut. Equal answers fall by index, never by chance.

/// An optimal matching.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// Column of each row; none where it is left out.
    pub column: Vec<Option<usize>>,
    /// Cost of all rows together, with the price of those left out.
    pub cost: f64,
    /// No matching costs less.
    pub bound: f64,
}

/// A dense table of costs, row by row; an infinite cost is not allowed.
#[derive(Debug, Clone)]
pub struct Costs {
    columns: usize,
    cells: Vec<f64>,
}

impl Costs {
    /// A table where nothing is allowed.
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { columns, cells: vec![f64::INFINITY; rows * columns] }
    }

    /// Sets a cost, at least 0.
    pub fn set(&mut self, row: usize, column: usize, cost: f64) {
        self.cells[row * self.columns + column] = cost.max(0.0);
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.columns..(row + 1) * self.columns]
    }
}

/// Matches all rows; `leave` is the price of leaving each row out.
pub fn solve(costs: &Costs, leave: &[f64]) -> Matching {
    let (rows, columns) = (leave.len(), costs.columns);
    let mut price_of_row = vec![0.0; rows];
    let mut price_of_column = vec![0.0; columns];
    let mut row_of: Vec<Option<usize>> = vec![None; columns];
    let mut column_of: Vec<Option<usize>> = vec![None; rows];
    let mut search = Search::new(columns);
    for start in 0..rows {
        search.run(start, costs, leave, &mut price_of_row, &mut price_of_column, &row_of);
        search.flip(start, &mut row_of, &mut column_of);
    }
    let paid = |row: usize| column_of[row].map_or(leave[row], |column| costs.row(row)[column]);
    let bound = price_of_row.iter().sum::<f64>() + price_of_column.iter().sum::<f64>();
    Matching { cost: (0..rows).map(paid).sum(), column: column_of, bound }
}

/// One shortest path from a row to a free column, or to a row that is cheapest left out.
struct Search {
    distance: Vec<f64>,
    from_row: Vec<usize>,
    done: Vec<bool>,
    settled: Vec<usize>,
    end: End,
}

enum End {
    Column(usize),
    Leave(usize),
}

impl Search {
    fn new(columns: usize) -> Self {
        Self {
            distance: vec![f64::INFINITY; columns],
            from_row: vec![0; columns],
            done: vec![false; columns],
            settled: Vec::new(),
            end: End::Leave(0),
        }
    }

    fn run(
        &mut self,
        start: usize,
        costs: &Costs,
        leave: &[f64],
        price_of_row: &mut [f64],
        price_of_column: &mut [f64],
        row_of: &[Option<usize>],
    ) {
        self.distance.fill(f64::INFINITY);
        self.done.fill(false);
        self.settled.clear();
        let (mut row, mut reached) = (start, 0.0);
        let (mut cheapest_leave, mut leaver) = (f64::INFINITY, start);
        let length = loop {
            let leaving = reached + leave[row] - price_of_row[row];
            if leaving < cheapest_leave {
                (cheapest_leave, leaver) = (leaving, row);
            }
            let base = reached - price_of_row[row];
            let (mut nearest, mut best) = (None, f64::INFINITY);
            for (column, cost) in costs.row(row).iter().enumerate() {
                if self.done[column] {
                    continue;
                }
                let distance = base + cost - price_of_column[column];
                if distance < self.distance[column] {
                    (self.distance[column], self.from_row[column]) = (distance, row);
                }
                if self.distance[column] < best {
                    (best, nearest) = (self.distance[column], Some(column));
                }
            }
            match nearest {
                Some(column) if best < cheapest_leave => {
                    self.done[column] = true;
                    self.settled.push(column);
                    match row_of[column] {
                        None => {
                            self.end = End::Column(column);
                            break best;
                        }
                        Some(next) => (row, reached) = (next, best),
                    }
                }
                _ => {
                    self.end = End::Leave(leaver);
                    break cheapest_leave;
                }
            }
        };
        // Prices keep every reduced cost at least 0, and 0 along the matching.
        price_of_row[start] += length;
        for column in &self.settled {
            let slack = length - self.distance[*column];
            price_of_column[*column] -= slack;
            if let Some(row) = row_of[*column] {
                price_of_row[row] += slack;
            }
        }
    }

    fn flip(&self, start: usize, row_of: &mut [Option<usize>], column_of: &mut [Option<usize>]) {
        let mut column = match self.end {
            End::Column(column) => column,
            End::Leave(leaver) => match column_of[leaver].take() {
                Some(freed) => freed,
                None => return,
            },
        };
        loop {
            let row = self.from_row[column];
            row_of[column] = Some(row);
            match column_of[row].replace(column) {
                Some(before) if row != start => column = before,
                _ => return,
            }
        }
    }
}
