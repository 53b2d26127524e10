using FsCheck;
using FsCheck.Fluent;

namespace Mainstay.Tests;

/// <summary>
/// Checks a statement on many seeded cases and shrinks the first that breaks it. A tenth of the cases runs by default,
/// all of them with MAINSTAY_TESTS=all.
/// </summary>
internal static class Property
{
    /// <summary>True in the long run: <c>./test.sh --all</c>.</summary>
    public static bool All { get; } = Environment.GetEnvironmentVariable("MAINSTAY_TESTS") == "all";

    /// <summary>How many of so many cases to run now.</summary>
    public static int Cases(int all) => All ? all : Math.Max(1, all / 10);

    /// <param name="gen">Makes the cases.</param>
    /// <param name="holds">The statement.</param>
    /// <param name="cases">Cases of the long run.</param>
    public static void Holds<T>(Gen<T> gen, Func<T, bool> holds, int cases = 2000) =>
        Prop.ForAll(gen.ToArbitrary(), holds)
            .Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(Cases(cases)).WithReplay(20260101UL, 7UL));
}
