using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Mainstay.Routing.Sockets;

/// <summary>The result of an async method that waits, or failed at once.</summary>
internal class PooledMethod<T> : IValueTaskSource<T>, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<T> _core;

    public short Version => _core.Version;

    /// <summary>Goes on with the method.</summary>
    public Action Continue { get; protected init; } = static () => { };

    public void SetResult(T result) => _core.SetResult(result);

    public void SetException(Exception exception) => _core.SetException(exception);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    public T GetResult(short token)
    {
        // Whoever asks too early, or twice, must not give away what serves another call by now.
        if (_core.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("It is not done yet.");
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            Release();
        }
    }

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    /// <summary>Nobody knows it any more.</summary>
    protected virtual void Release()
    {
    }
}

/// <summary>
/// An async method that waits, with its state. Those that have ended wait on the thread where they ended for the next call: .NET's
/// own pool keeps one or two of a kind, and a polling thread serves thousands of requests at a time.
/// </summary>
internal sealed class PooledMethod<TState, T> : PooledMethod<T>
    where TState : IAsyncStateMachine
{
    private const int MostKept = 128;
    [ThreadStatic]
    private static Stack<PooledMethod<TState, T>>? _kept;
    private TState _state = default!;

    private PooledMethod() => Continue = () => _state.MoveNext();

    public ref TState State => ref _state;

    public static PooledMethod<TState, T> Take() => _kept is { } kept && kept.TryPop(out var method) ? method : new PooledMethod<TState, T>();

    protected override void Release()
    {
        _state = default!;
        var kept = _kept ??= new Stack<PooledMethod<TState, T>>();
        if (kept.Count < MostKept)
            kept.Push(this);
    }
}
