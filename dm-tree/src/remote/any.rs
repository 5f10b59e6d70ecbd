//! The macro behind the `AnyOperation` of each object's crate.

/// Declares `AnyOperation` and `AnyOutcome`: any operation of an object and its outcome, for a queue that
/// holds them all. Each line is documentation, a variant, its operation, and its outcome, which must be
/// [`Summarize`](crate::remote::Summarize).
#[macro_export]
macro_rules! any_operation {
    ($($(#[$meta:meta])* $name:ident($operation:ty) => $outcome:ty,)+) => {
        /// Any operation of this object, for a queue that holds them all.
        #[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
        #[non_exhaustive]
        pub enum AnyOperation {
            $($(#[$meta])* $name($operation),)+
        }

        /// The outcome of [`AnyOperation`].
        #[derive(Clone, Debug, serde::Deserialize, Eq, PartialEq, serde::Serialize)]
        #[non_exhaustive]
        pub enum AnyOutcome {
            $($(#[$meta])* $name($outcome),)+
        }

        impl AnyOutcome {
            /// The outcome in the flat form that all operations share.
            pub fn summary(&self) -> $crate::remote::Summary {
                match self {
                    $(Self::$name(outcome) => $crate::remote::Summarize::summary(outcome),)+
                }
            }
        }

        impl $crate::remote::Summarize for AnyOutcome {
            fn summary(&self) -> $crate::remote::Summary {
                Self::summary(self)
            }
        }

        impl $crate::remote::Operation for AnyOperation {
            type Outcome = AnyOutcome;

            fn step(&mut self) -> $crate::remote::Step {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::step(operation),)+
                }
            }

            fn handle(&mut self, reply: $crate::remote::Reply<'_>) {
                match self {
                    $(Self::$name(operation) => {
                        $crate::remote::Operation::handle(operation, reply);
                    })+
                }
            }

            fn claims(&self, alert: &dm_proto::message::Alert) -> bool {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::claims(operation, alert),)+
                }
            }

            fn cancel(&mut self) -> bool {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::cancel(operation),)+
                }
            }

            fn expire(&mut self) {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::expire(operation),)+
                }
            }

            fn erases(&self) -> bool {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::erases(operation),)+
                }
            }

            fn doubt(&mut self) {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::doubt(operation),)+
                }
            }

            fn forget(&mut self) {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::forget(operation),)+
                }
            }

            fn deadline(&self) -> Option<u64> {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::deadline(operation),)+
                }
            }

            fn takes_large_objects(&self) -> bool {
                match self {
                    $(Self::$name(operation) => {
                        $crate::remote::Operation::takes_large_objects(operation)
                    })+
                }
            }

            fn progress(&self) -> $crate::remote::Progress {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::progress(operation),)+
                }
            }

            fn has_changed(&self) -> bool {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::has_changed(operation),)+
                }
            }

            fn outcome(&self) -> Option<AnyOutcome> {
                match self {
                    $(Self::$name(operation) => {
                        $crate::remote::Operation::outcome(operation).map(AnyOutcome::$name)
                    })+
                }
            }

            fn root(&self) -> Option<&$crate::NodeUri> {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::root(operation),)+
                }
            }

            fn instances(&self) -> &[$crate::NodeUri] {
                match self {
                    $(Self::$name(operation) => $crate::remote::Operation::instances(operation),)+
                }
            }
        }

        impl AnyOperation {
            /// Where the object was found, for
            /// [`Order::with_known_root`](dm_tree::remote::Order::with_known_root) of the next operation.
            pub fn root(&self) -> Option<&$crate::NodeUri> {
                $crate::remote::Operation::root(self)
            }

            /// Where objects of its kind were found; all that the device has if the whole tree was
            /// searched.
            pub fn instances(&self) -> &[$crate::NodeUri] {
                $crate::remote::Operation::instances(self)
            }
        }

        $(
            impl From<$operation> for AnyOperation {
                fn from(operation: $operation) -> Self {
                    Self::$name(operation)
                }
            }
        )+
    };
}
