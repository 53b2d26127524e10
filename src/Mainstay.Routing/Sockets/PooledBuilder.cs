using System.Runtime.CompilerServices;

namespace Mainstay.Routing.Sockets;

/// <summary>
/// Builds async methods of the traffic path: what such a method needs while it waits is kept for the next one (see
/// <see cref="PooledMethod{TState,T}"/>), and the execution context does not flow, since nothing on that path looks at it.
/// The task may be awaited once.
/// </summary>
internal struct PooledBuilder
{
    private PooledBuilder<bool> _builder;

    public static PooledBuilder Create() => default;

    public readonly ValueTask Task => _builder.Method is { } method ? new ValueTask(method, method.Version) : default;

#pragma warning disable CA1822 // The compiler calls it on an instance.
    public readonly void Start<TState>(ref TState state)
        where TState : IAsyncStateMachine => state.MoveNext();

    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }
#pragma warning restore CA1822

    public readonly void SetResult() => _builder.Method?.SetResult(true);

    public void SetException(Exception exception) => _builder.SetException(exception);

    public void AwaitOnCompleted<TAwaiter, TState>(ref TAwaiter awaiter, ref TState state)
        where TAwaiter : INotifyCompletion
        where TState : IAsyncStateMachine => _builder.AwaitOnCompleted(ref awaiter, ref state);

    public void AwaitUnsafeOnCompleted<TAwaiter, TState>(ref TAwaiter awaiter, ref TState state)
        where TAwaiter : ICriticalNotifyCompletion
        where TState : IAsyncStateMachine => _builder.AwaitUnsafeOnCompleted(ref awaiter, ref state);
}

/// <inheritdoc cref="PooledBuilder"/>
internal struct PooledBuilder<T>
{
    private T _result;

    public static PooledBuilder<T> Create() => default;

    /// <summary>What waits; null while the method has never waited.</summary>
    public PooledMethod<T>? Method { readonly get; private set; }

    public readonly ValueTask<T> Task => Method is { } method ? new(method, method.Version) : new(_result);

#pragma warning disable CA1822 // The compiler calls it on an instance.
    public readonly void Start<TState>(ref TState state)
        where TState : IAsyncStateMachine => state.MoveNext();

    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }
#pragma warning restore CA1822

    public void SetResult(T result)
    {
        if (Method is null)
            _result = result;
        else
            Method.SetResult(result);
    }

    public void SetException(Exception exception) => (Method ??= new PooledMethod<T>()).SetException(exception);

    public void AwaitOnCompleted<TAwaiter, TState>(ref TAwaiter awaiter, ref TState state)
        where TAwaiter : INotifyCompletion
        where TState : IAsyncStateMachine => awaiter.OnCompleted(Box(ref state));

    public void AwaitUnsafeOnCompleted<TAwaiter, TState>(ref TAwaiter awaiter, ref TState state)
        where TAwaiter : ICriticalNotifyCompletion
        where TState : IAsyncStateMachine => awaiter.UnsafeOnCompleted(Box(ref state));

    private Action Box<TState>(ref TState state)
        where TState : IAsyncStateMachine
    {
        if (Method is null)
        {
            var method = PooledMethod<TState, T>.Take();
            // This builder is a part of the state: it must know the method before the state is copied.
            Method = method;
            method.State = state;
        }
        return Method.Continue;
    }
}
